import { asn1Element } from "../../../agent/core/asn1-element.ts";

export const OIDS = {
  signedData: "2a864886f70d010702",
  data: "2a864886f70d010701",
  timeStampInfo: "2a864886f70d0109100104",
  contentType: "2a864886f70d010903",
  messageDigest: "2a864886f70d010904",
  sha1: "2b0e03021a",
  sha256: "608648016503040201",
  rsa: "2a864886f70d010101",
  sha256WithRsa: "2a864886f70d01010b",
} as const;

export type Oid = keyof typeof OIDS;

/** One element of DER, X.690, section 8.1. */
export function tlv(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const octets = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.of(tag, 0x80 | octets.length), octets, body]);
}

export const sequence = (...contents: readonly Uint8Array[]) => tlv(0x30, ...contents);
export const set = (...contents: readonly Uint8Array[]) => tlv(0x31, ...contents);
export const octets = (bytes: Uint8Array) => tlv(0x04, bytes);
export const oid = (name: Oid) => tlv(0x06, Buffer.from(OIDS[name], "hex"));
export const algorithm = (name: Oid) => sequence(oid(name), tlv(0x05));

/** Of a certificate, as a SignerInfo names it: RFC 5652, section 10.2.4. */
export function issuerAndSerial(certificate: Uint8Array): Buffer {
  const [, serial, , issuer] = children(children(certificate)[0]);
  if (serial === undefined || issuer === undefined) throw new Error("this is no certificate");
  return sequence(issuer, serial);
}

/** The elements in an element, each whole. */
export function children(element: Uint8Array = new Uint8Array()): readonly Uint8Array[] {
  const content = asn1Element(element)?.content ?? new Uint8Array();
  const found: Uint8Array[] = [];
  for (let at = 0; at < content.length; ) {
    const child = asn1Element(content, at);
    if (child === undefined) throw new Error("this is no DER");
    found.push(content.subarray(at, child.end));
    at = child.end;
  }
  return found;
}
