const SEQUENCE = 0x30;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * The bytes of base64, which may be broken into lines, if they are one whole DER SEQUENCE (X.690,
 * 8.1): undefined for a page, and for a document that was cut off.
 */
export function derFromBase64(text: string): Uint8Array | undefined {
  const base64 = text.replaceAll(/\s/g, "");
  if (base64.length % 4 !== 0 || !BASE64.test(base64)) return undefined;
  const bytes = Buffer.from(base64, "base64");
  return bytes[0] === SEQUENCE && bytes.length === lengthOfElement(bytes) ? bytes : undefined;
}

/** Tag, length and contents of the first element; the definite form only, as DER has it. */
function lengthOfElement(bytes: Buffer): number | undefined {
  const first = bytes[1];
  if (first === undefined) return undefined;
  if (first < 0x80) return 2 + first;
  const octets = first & 0x7f;
  if (octets === 0 || octets > 4 || bytes.length < 2 + octets) return undefined;
  return 2 + octets + bytes.readUIntBE(2, octets);
}
