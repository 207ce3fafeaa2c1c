import { createPublicKey, type KeyObject, sign } from "node:crypto";

/** DER tags, X.690 section 8. */
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const SEQUENCE = 0x30;
const SET = 0x31;
/** `attributes [0]`, constructed. */
const ATTRIBUTES = 0xa0;

/** id-at-commonName, 2.5.4.3. */
const COMMON_NAME = Buffer.of(0x55, 0x04, 0x03);
/** ecdsa-with-SHA256, 1.2.840.10045.4.3.2 (RFC 5758, section 3.2). */
const ECDSA_WITH_SHA256 = Buffer.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02);

/**
 * A PKCS#10 request (RFC 2986, section 4) in DER for an ECDSA key, signed with it: version 1, one
 * common name, no attributes. Why not by a library:
 * docs/decisions/0010-the-signing-request-is-written-here.md.
 */
export function signingRequestDer(privateKey: KeyObject, commonName: string): Uint8Array {
  const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const attribute = der(SEQUENCE, der(OBJECT_IDENTIFIER, COMMON_NAME), der(UTF8_STRING, Buffer.from(commonName)));
  const subject = der(SEQUENCE, der(SET, attribute));
  const info = der(SEQUENCE, der(INTEGER, Buffer.of(0)), subject, publicKey, der(ATTRIBUTES));
  const algorithm = der(SEQUENCE, der(OBJECT_IDENTIFIER, ECDSA_WITH_SHA256));
  const noUnusedBits = Buffer.of(0);
  return der(SEQUENCE, info, algorithm, der(BIT_STRING, noUnusedBits, sign("sha256", info, privateKey)));
}

/** One element: tag, length in the definite form, contents. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.of(tag, ...lengthOctets(body.length)), body]);
}

/** Short form below 128, else the number of octets and then those, the highest first. */
function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}
