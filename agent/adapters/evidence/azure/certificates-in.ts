import { X509Certificate } from "node:crypto";

/** X.690: `[0]`, constructed. */
const TAGGED = 0xa0;
const MOST_CERTIFICATES = 8;

interface Element {
  readonly tag: number;
  /** Tag and length among them. */
  readonly whole: Uint8Array;
  readonly contents: Uint8Array;
}

/**
 * The certificates that a PKCS#7 document carries (RFC 5652, 5.1), as many as can be read. Nothing
 * is verified: they only tell where to ask for those above.
 */
export function certificatesIn(pkcs7: Uint8Array): readonly X509Certificate[] {
  const [info] = elementsOf(pkcs7);
  const content = elementsOf(info?.contents).find(({ tag }) => tag === TAGGED);
  const [signedData] = elementsOf(content?.contents);
  const bag = elementsOf(signedData?.contents).find(({ tag }) => tag === TAGGED);
  return elementsOf(bag?.contents)
    .slice(0, MOST_CERTIFICATES)
    .flatMap(({ whole }) => certificateOf(whole) ?? []);
}

/** Undefined if it is none. */
export function certificateOf(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

/**
 * One after the other, up to the first that is not whole; definite lengths only, as DER has them.
 */
function elementsOf(bytes: Uint8Array = new Uint8Array()): readonly Element[] {
  const found: Element[] = [];
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + 2 <= view.length) {
    const first = view.readUInt8(at + 1);
    const octets = first < 0x80 ? 0 : first & 0x7f;
    const start = at + 2 + octets;
    if (octets > 4 || first === 0x80 || start > view.length) break;
    const end = start + (octets === 0 ? first : view.readUIntBE(at + 2, octets));
    if (end > view.length) break;
    found.push({ tag: view.readUInt8(at), whole: view.subarray(at, end), contents: view.subarray(start, end) });
    at = end;
  }
  return found;
}
