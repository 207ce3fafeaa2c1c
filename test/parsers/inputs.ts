import * as fc from "fast-check";
import type { Parser } from "./parser.ts";

/** What readers stumble over. */
const ODD_WORDS = [
  ...[
    "",
    " ",
    "\n",
    "\r\n",
    "\0",
    "=",
    ":",
    ",",
    "-",
    "/",
    "%",
    '"',
    "{",
    "}",
    "[",
    "]",
    "<",
    "\\",
    "\ud800",
    "\u202e",
  ],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "null",
    "true",
    "NaN",
    "Infinity",
    "-1",
    "-0",
    "1e999",
    "0x10",
    "99999999999999999999",
  ],
  ...[
    "://",
    "a://b:c@d?e",
    "2026-13-45T99:99:99Z",
    "::1",
    "[::1]:0",
    "1.2.3.4/33",
    "../../x",
    "$(id)",
    "%n",
    "\u001b[2J",
  ],
];
const ODD_BYTES = [
  [0],
  [0xff],
  [0x80],
  [0xff, 0xff, 0xff, 0xff],
  [0x30, 0x84, 0x7f, 0xff, 0xff, 0xff],
  [0x30, 0x80],
  [0x0a, 0x00],
];
const ODD_VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 53,
    1e308,
    "",
    [],
    {},
    [[]],
    { toString: 1 },
    { length: -1 },
    ["a", 1],
    "a".repeat(5_000),
  ],
  ...ODD_WORDS,
  nested(200),
];

function nested(levels: number): unknown {
  let value: unknown = [];
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/** Right, nearly right, and anything. */
export function inputs({ samples }: Parser): fc.Arbitrary<Buffer> {
  const right = fc.constantFrom(...samples);
  const structured = samples.filter((sample) => valueOf(sample) !== undefined);
  const words = [...new Set(samples.flatMap((sample) => sample.toString("latin1").match(/\w+|\W/g) ?? []))].slice(
    0,
    200,
  );
  const word = fc.constantFrom(...words, ...ODD_WORDS);
  return fc.oneof(
    { weight: 1, arbitrary: right },
    { weight: 6, arbitrary: damaged(right) },
    {
      weight: structured.length === 0 ? 0 : 6,
      arbitrary: restructured(fc.constantFrom(...structured, Buffer.from("{}"))),
    },
    { weight: 2, arbitrary: fc.array(word, { maxLength: 40 }).map((parts) => Buffer.from(parts.join(""))) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
  );
}

const bytes = fc.oneof(
  fc.constantFrom(...ODD_WORDS).map((text) => Buffer.from(text)),
  fc.constantFrom(...ODD_BYTES).map((some) => Buffer.from(some)),
  fc.uint8Array({ minLength: 1, maxLength: 4 }).map((some) => Buffer.from(some)),
);
const damage = fc.record({
  how: fc.constantFrom("put", "over", "cut", "drop", "twice"),
  at: fc.nat(),
  size: fc.nat(40),
  bytes,
});

function damaged(right: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc
    .tuple(right, fc.array(damage, { minLength: 1, maxLength: 5 }))
    .map(([sample, all]) => all.reduce(hurt, sample));
}

function hurt(
  sample: Buffer,
  { how, at, size, bytes: put }: { how: string; at: number; size: number; bytes: Buffer },
): Buffer {
  const from = at % (sample.length + 1);
  const [before, after] = [sample.subarray(0, from), sample.subarray(from)];
  if (how === "put") return Buffer.concat([before, put, after]);
  if (how === "over") return Buffer.concat([before, put, after.subarray(put.length)]);
  if (how === "cut") return Buffer.from(before);
  if (how === "drop") return Buffer.concat([before, after.subarray(size)]);
  return Buffer.concat([before, after.subarray(0, size), after]);
}

/** Still JSON; up to three of its values are others, or their names are. */
function restructured(sample: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const change = fc.record({ at: fc.nat(), value: fc.constantFrom(...ODD_VALUES) });
  return fc.tuple(sample, fc.array(change, { minLength: 1, maxLength: 3 })).map(([text, changes]) => {
    let value = valueOf(text);
    for (const { at, value: odd } of changes) value = replaced(value, at, odd);
    return Buffer.from(JSON.stringify(value));
  });
}

function replaced(value: unknown, at: number, by: unknown): unknown {
  let left = at % placesIn(value);
  const text = JSON.stringify(value, (_, one: unknown) => (left-- === 0 ? by : one));
  return JSON.parse(text);
}

function placesIn(value: unknown): number {
  let places = 0;
  JSON.stringify(value, (_, one: unknown) => {
    places += 1;
    return one;
  });
  return places;
}

function valueOf(sample: Buffer): unknown {
  if (sample[0] !== 0x7b && sample[0] !== 0x5b) return undefined;
  try {
    return JSON.parse(sample.toString("utf8"));
  } catch {
    return undefined;
  }
}

const LETTERS = ["a", " ", ".", "[", "{", "(", "'", "-", "=", "\n", "\0"];

/** As large as may come: something over and over, in front of what is right, in it, or alone. */
export function largeInputs({ samples, mostBytes, troubles }: Parser): fc.Arbitrary<Buffer> {
  const pieces = samples.flatMap((sample) => sample.toString("latin1").split(/(?<=[\n,}{ ])/)).slice(0, 100);
  const piece = fc.oneof(
    fc.constantFrom(...samples),
    fc.constantFrom(...pieces, ...ODD_WORDS.slice(1), ...LETTERS).map((text) => Buffer.from(text, "latin1")),
    fc.constantFrom(...samples, ...troubles.map((trouble) => Buffer.from(trouble))),
  );
  return fc.tuple(fc.constantFrom(...samples), fc.nat(), piece, fc.boolean()).map(([sample, at, one, isAlone]) => {
    if (isAlone || sample.length >= mostBytes) return filled(one, mostBytes);
    const from = at % (sample.length + 1);
    return Buffer.concat([sample.subarray(0, from), filled(one, mostBytes - sample.length), sample.subarray(from)]);
  });
}

export function filled(piece: Buffer, length: number): Buffer {
  return Buffer.alloc(length, piece.length === 0 ? "a" : piece);
}
