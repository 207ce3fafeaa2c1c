import {
  macOf,
  multiplierOf,
  type SecretDigest,
  type SecretDigests,
  WINDOW_BYTES,
  windowHash,
} from "./secret-digests.ts";

/** A part of a text, and why it must not be shown. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly rule: string;
}

/** 2^20 bits: with a thousand digests, one in a thousand places of a text is looked at closer. */
const FILTER_BITS = 20;

/** Finds secrets by their digests: one pass over the text for each key, whatever their number. */
export class SecretSearch {
  readonly #passes: readonly Pass[];

  constructor(sets: readonly SecretDigests[]) {
    this.#passes = sets.filter(({ digests }) => digests.length > 0).map((set) => new Pass(set));
  }

  find(text: Buffer): readonly Span[] {
    return this.#passes.flatMap((pass) => pass.find(text));
  }
}

class Pass {
  readonly #key: Buffer;
  readonly #multiplier: number;
  /** What the byte that leaves the window counts. */
  readonly #leaving: number;
  readonly #filter = new Uint8Array(2 ** (FILTER_BITS - 3));
  readonly #byHead = new Map<number, SecretDigest[]>();

  constructor({ key, digests }: SecretDigests) {
    this.#key = key;
    this.#multiplier = multiplierOf(key);
    this.#leaving = Array.from({ length: WINDOW_BYTES - 1 }).reduce<number>(
      (power) => Math.imul(power, this.#multiplier),
      1,
    );
    for (const digest of digests) {
      const bit = digest.head >>> (32 - FILTER_BITS);
      this.#filter[bit >>> 3] = (this.#filter[bit >>> 3] ?? 0) | (1 << (bit & 7));
      this.#byHead.set(digest.head, [...(this.#byHead.get(digest.head) ?? []), digest]);
    }
  }

  find(text: Buffer): readonly Span[] {
    const found: Span[] = [];
    const [multiplier, leaving, filter] = [this.#multiplier, this.#leaving, this.#filter];
    const last = text.length - WINDOW_BYTES;
    if (last < 0) return found;
    let hash = windowHash(text, 0, multiplier) | 0;
    for (let at = 0; ; at += 1) {
      const bit = hash >>> (32 - FILTER_BITS);
      if (((filter[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0) this.#look(text, at, hash >>> 0, found);
      if (at === last) return found;
      const rest = (hash - Math.imul(text[at] ?? 0, leaving)) | 0;
      hash = (Math.imul(rest, multiplier) + (text[at + WINDOW_BYTES] ?? 0)) | 0;
    }
  }

  #look(text: Buffer, from: number, hash: number, found: Span[]): void {
    for (const { bytes, tail, mac } of this.#byHead.get(hash) ?? []) {
      const to = from + bytes;
      if (to > text.length || windowHash(text, to - WINDOW_BYTES, this.#multiplier) !== tail) continue;
      if (macOf(text.subarray(from, to), this.#key) === mac) found.push({ from, to, rule: "value" });
    }
  }
}
