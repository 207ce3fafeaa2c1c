import type { HeaderField } from "../../../agent/gateway/http2/hpack.ts";
import { STATIC_TABLE } from "../../../agent/gateway/http2/static-table.ts";

/** How a field is written (RFC 7541 section 6): whole by its index, or as a literal. */
export type How = "index" | "remembered" | "plain" | "never";

export interface Writing {
  readonly how: How;
  /** Absent: no text is Huffman-coded. */
  readonly codes?: readonly string[] | undefined;
  /** The name by its index, if it has one. */
  readonly namesByIndex?: boolean;
  /** Bytes that a number is longer than it need be. */
  readonly overlong?: number;
}

/** Writes header blocks of one connection, each field in the way that is asked for if it can be. */
export class HpackWriter {
  /** The newest first. */
  #table: HeaderField[] = [];
  #maxBytes = 4096;

  field([name, value]: HeaderField, { how, codes, namesByIndex = true, overlong = 0 }: Writing): Buffer {
    const all = [...STATIC_TABLE, ...this.#table];
    const index = all.findIndex((other) => other[0] === name && other[1] === value) + 1;
    if (how === "index" && index > 0) return number(0x80, 7, index, overlong);
    const as = how === "index" ? "remembered" : how;
    const nameIndex = namesByIndex ? all.findIndex((other) => other[0] === name) + 1 : 0;
    const [first, bits] = { remembered: [0x40, 6], plain: [0x00, 4], never: [0x10, 4] }[as] as [number, number];
    if (as === "remembered") {
      this.#table.unshift([name, value]);
      this.#evict();
    }
    const parts = [number(first, bits, nameIndex, overlong), ...(nameIndex === 0 ? [text(name, codes)] : [])];
    return Buffer.concat([...parts, text(value, codes)]);
  }

  resize(maxBytes: number): Buffer {
    this.#maxBytes = maxBytes;
    this.#evict();
    return number(0x20, 5, maxBytes);
  }

  #evict(): void {
    let bytes = 0;
    this.#table = this.#table.filter(([name, value]) => {
      bytes += name.length + value.length + 32;
      return bytes <= this.#maxBytes;
    });
  }
}

/** RFC 7541 section 5.1. */
export function number(first: number, prefixBits: number, value: number, overlong = 0): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.from([first | value]);
  const bytes = [first | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  for (let more = 0; more < overlong; more += 1) {
    bytes.push((bytes.pop() ?? 0) | 0x80);
    bytes.push(0);
  }
  return Buffer.from(bytes);
}

/** RFC 7541 section 5.2. */
export function text(value: string, codes?: readonly string[]): Buffer {
  if (codes === undefined) return Buffer.concat([number(0, 7, value.length), Buffer.from(value, "latin1")]);
  const coded = huffman(value, codes);
  return Buffer.concat([number(0x80, 7, coded.length), coded]);
}

/** `fill`: what the last byte is filled up with. */
export function huffman(value: string, codes: readonly string[], fill = "1"): Buffer {
  const bits = [...Buffer.from(value, "latin1")].map((byte) => codes[byte] ?? "").join("");
  return ofBits(bits.padEnd(Math.ceil(bits.length / 8) * 8, fill));
}

/** A text of "0" and "1", whole bytes. */
export function ofBits(bits: string): Buffer {
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
