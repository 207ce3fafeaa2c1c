import "reflect-metadata";
import { type KeyObject, sign } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** DER tags, X.690 section 8. */
const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const NULL = 0x05;
const OBJECT_IDENTIFIER = 0x06;
const SEQUENCE = 0x30;
const SET = 0x31;
/** `[0]`, constructed. */
const TAGGED = 0xa0;

/** RFC 5652: id-signedData, id-data. RFC 8017: rsaEncryption, sha256WithRSAEncryption. SHA-256. */
const SIGNED_DATA = "2a864886f70d010702";
const DATA = "2a864886f70d010701";
const RSA = "2a864886f70d010101";
const SHA256_WITH_RSA = "2a864886f70d01010b";
const SHA256 = "608648016503040201";

/** An RSA key with its certificate. */
export interface DocumentSigner {
  readonly privateKey: KeyObject;
  readonly certificateDer: Uint8Array;
}

/**
 * PKCS#7 (RFC 5652, version 1) in DER: the content, the certificate, one signature with SHA-256 and
 * no attributes.
 * @param asAzure names the digest's algorithm as Azure does, by that of the signature.
 */
export function signDocument(
  content: string,
  { privateKey, certificateDer }: DocumentSigner,
  { asAzure = false } = {},
): Uint8Array {
  const certificate = new x509.X509Certificate(Buffer.from(certificateDer));
  const digest = algorithm(asAzure ? SHA256_WITH_RSA : SHA256);
  const issuerAndSerial = der(
    SEQUENCE,
    Buffer.from(certificate.issuerName.toArrayBuffer()),
    der(INTEGER, Buffer.from(certificate.serialNumber, "hex")),
  );
  const bytes = Buffer.from(content);
  const signer = der(
    SEQUENCE,
    der(INTEGER, Buffer.of(1)),
    issuerAndSerial,
    digest,
    algorithm(RSA),
    der(OCTET_STRING, sign("sha256", bytes, privateKey)),
  );
  const signedData = der(
    SEQUENCE,
    der(INTEGER, Buffer.of(1)),
    der(SET, digest),
    der(SEQUENCE, oid(DATA), der(TAGGED, der(OCTET_STRING, bytes))),
    der(TAGGED, certificateDer),
    der(SET, signer),
  );
  return der(SEQUENCE, oid(SIGNED_DATA), der(TAGGED, signedData));
}

function algorithm(hex: string): Buffer {
  return der(SEQUENCE, oid(hex), der(NULL));
}

function oid(hex: string): Buffer {
  return der(OBJECT_IDENTIFIER, Buffer.from(hex, "hex"));
}

/** One element: tag, length in the definite form, contents. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const hex = body.length.toString(16);
  const octets = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
  const length = body.length < 0x80 ? Buffer.of(body.length) : Buffer.of(0x80 | octets.length, ...octets);
  return Buffer.concat([Buffer.of(tag), length, body]);
}
