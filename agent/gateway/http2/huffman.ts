/**
 * RFC 7541 appendix B: the bits of each byte's code, and of the end-of-string symbol last. The code
 * is canonical: lengths say it all.
 */
const CODE_BITS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
];
const END_OF_STRING = 256;

/** A step of four bits: the next state in the low bits, the byte that it completes above. */
const STEP_BITS = 4;
const STATE_MASK = 0xffff;
const NO_BYTE = 0;
const IMPOSSIBLE = STATE_MASK;
/** No step leads back to the beginning without a byte. */
const UNKNOWN = 0;

/**
 * Where a string may end: within less than a byte of ones, which is how the last byte is filled up.
 */
const endings = new Set<number>();
/** The tree of codes: its inner nodes, numbered, the root first. */
const inner = nodes();
const numbers = new Map(inner.map((node, at) => [node, at]));
/**
 * By state and four bits, each worked out when it is first taken: all 4,096 at the start would have
 * V8 bring in its optimising compiler, 10 MB of it, for nothing else.
 */
const steps = new Uint32Array(inner.length << STEP_BITS);

/**
 * The bytes that are coded, one character each. Undefined for what is no code: the end-of-string
 * symbol, or a last byte that is not filled up with less than eight ones.
 */
export function decodeHuffman(coded: Uint8Array): string | undefined {
  let state = 0;
  let decoded = "";
  for (const byte of coded) {
    for (const bits of [byte >> STEP_BITS, byte & 0xf]) {
      let step = steps[(state << STEP_BITS) | bits] ?? IMPOSSIBLE;
      if (step === UNKNOWN) step = steps[(state << STEP_BITS) | bits] = stepFrom(state, bits);
      state = step & STATE_MASK;
      if (state === IMPOSSIBLE) return undefined;
      const code = step >>> 16;
      if (code !== NO_BYTE) decoded += String.fromCharCode(code - 1);
    }
  }
  return endings.has(state) ? decoded : undefined;
}

type Node = [zero: Node | number | undefined, one: Node | number | undefined];

/** No code is shorter: a step completes one byte at most. */
function stepFrom(state: number, bits: number): number {
  const [root] = inner;
  let node: Node | number | undefined = inner[state];
  let code = NO_BYTE;
  for (let bit = STEP_BITS - 1; bit >= 0 && typeof node === "object"; bit -= 1) {
    node = node[(bits >> bit) & 1];
    if (typeof node !== "number" || node === END_OF_STRING) continue;
    code = node + 1;
    node = root;
  }
  const next = typeof node === "object" ? numbers.get(node) : undefined;
  return ((code << 16) | (next ?? IMPOSSIBLE)) >>> 0;
}

/**
 * Level by level: of the places that a level has, the first are its symbols', the others go on to
 * the next.
 */
function nodes(): readonly Node[] {
  const all: Node[] = [[undefined, undefined]];
  const symbols = CODE_BITS.map((length, symbol) => ({ length, symbol }));
  const inOrder = symbols.toSorted((a, b) => a.length - b.length || a.symbol - b.symbol);
  for (let [length, taken, first] = [1, 0, 0]; taken < inOrder.length; length += 1) {
    const level = all.slice(first);
    first = all.length;
    for (const node of level)
      for (const side of [0, 1] as const) {
        const next = inOrder[taken];
        if (next?.length === length) {
          node[side] = next.symbol;
          taken += 1;
        } else {
          const made: Node = [undefined, undefined];
          node[side] = made;
          all.push(made);
        }
      }
  }
  let [ones]: (Node | number | undefined)[] = all;
  for (let bits = 0; bits < 8 && typeof ones === "object"; bits += 1) {
    endings.add(all.indexOf(ones));
    ones = ones[1];
  }
  return all;
}
