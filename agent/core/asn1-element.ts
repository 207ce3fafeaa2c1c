/** An element of ASN.1 as it is encoded: X.690, section 8.1. */
export interface Asn1Element {
  readonly tag: number;
  /** In the indefinite form without the two zeroes that end it. */
  readonly content: Uint8Array;
  /** Where the next element begins. */
  readonly end: number;
}

const CONSTRUCTED = 0x20;
const LONG_TAG = 0x1f;
const INDEFINITE = 0x80;
const MOST_LENGTH_BYTES = 4;
/** PKCS#7 has some six levels of elements without a definite length. */
const MOST_DEPTH = 16;

/**
 * The element that begins at `at`, in BER: its length may be definite, or the element may end with
 * two zeroes (8.1.3.6). Undefined where it is cut short, nested more deeply than any known one,
 * or has a tag of several bytes.
 */
export function asn1Element(bytes: Uint8Array, at = 0, depth = 0): Asn1Element | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (tag === undefined || first === undefined || (tag & LONG_TAG) === LONG_TAG || depth > MOST_DEPTH) return undefined;
  if (first === INDEFINITE) return indefinite(bytes, at, tag, depth);
  const more = first < INDEFINITE ? 0 : first & 0x7f;
  if (more > MOST_LENGTH_BYTES) return undefined;
  const begin = at + 2 + more;
  const length = more === 0 ? first : bytes.subarray(at + 2, begin).reduce((sum, byte) => sum * 256 + byte, 0);
  const end = begin + length;
  return end > bytes.length ? undefined : { tag, content: bytes.subarray(begin, end), end };
}

function indefinite(bytes: Uint8Array, at: number, tag: number, depth: number): Asn1Element | undefined {
  if ((tag & CONSTRUCTED) === 0) return undefined;
  const begin = at + 2;
  for (let next = begin; ; ) {
    if (bytes[next] === 0 && bytes[next + 1] === 0) return { tag, content: bytes.subarray(begin, next), end: next + 2 };
    const inner = asn1Element(bytes, next, depth + 1);
    if (inner === undefined) return undefined;
    next = inner.end;
  }
}
