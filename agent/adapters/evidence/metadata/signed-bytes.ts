import { asn1Element } from "../../../core/asn1-element.ts";

const SEQUENCE = 0x30;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * The bytes of base64, which may be broken into lines, if they are one whole SEQUENCE: undefined
 * for a page, and for a document that was cut off. EC2 writes its signatures in BER, each length in
 * the indefinite form; Azure in DER.
 */
export function sequenceFromBase64(text: string): Uint8Array | undefined {
  const base64 = text.replaceAll(/\s/g, "");
  if (base64.length % 4 !== 0 || !BASE64.test(base64)) return undefined;
  const bytes = Buffer.from(base64, "base64");
  return bytes[0] === SEQUENCE && asn1Element(bytes)?.end === bytes.length ? bytes : undefined;
}
