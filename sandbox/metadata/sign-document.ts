import "reflect-metadata";
import { createHash, type KeyObject, sign } from "node:crypto";
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
const OCTET_STRING_IN_PIECES = 0x24;

/** RFC 5652: id-signedData, id-data. RFC 8017: rsaEncryption, sha256WithRSAEncryption. SHA-256. */
const SIGNED_DATA = "2a864886f70d010702";
const DATA = "2a864886f70d010701";
const RSA = "2a864886f70d010101";
const SHA256_WITH_RSA = "2a864886f70d01010b";
const SHA256 = "608648016503040201";
/** RFC 5652, section 11: contentType, messageDigest. */
const CONTENT_TYPE = "2a864886f70d010903";
const MESSAGE_DIGEST = "2a864886f70d010904";

/** An RSA key with its certificate. */
export interface DocumentSigner {
  readonly privateKey: KeyObject;
  readonly certificateDer: Uint8Array;
}

/**
 * PKCS#7 (RFC 5652, version 1) as Azure's attested document is: DER, the content, the certificate,
 * one signature without attributes, the digest named by the algorithm of the signature.
 */
export function signAsAzure(content: string, signer: DocumentSigner): Uint8Array {
  const bytes = Buffer.from(content);
  const digest = algorithm(SHA256_WITH_RSA);
  const signedData = der(
    SEQUENCE,
    der(INTEGER, Buffer.of(1)),
    der(SET, digest),
    der(SEQUENCE, oid(DATA), der(TAGGED, der(OCTET_STRING, bytes))),
    der(TAGGED, signer.certificateDer),
    der(SET, signerInfo(signer, digest, bytes)),
  );
  return der(SEQUENCE, oid(SIGNED_DATA), der(TAGGED, signedData));
}

/**
 * PKCS#7 as EC2's `rsa2048` is: BER, the outer lengths in the indefinite form, the content in
 * pieces, no certificate, one signature over attributes.
 */
export function signAsEc2(content: string, signer: DocumentSigner): Uint8Array {
  const bytes = Buffer.from(content);
  const digest = algorithm(SHA256);
  const messageDigest = createHash("sha256").update(bytes).digest();
  const attributes = [
    der(SEQUENCE, oid(CONTENT_TYPE), der(SET, oid(DATA))),
    der(SEQUENCE, oid(MESSAGE_DIGEST), der(SET, der(OCTET_STRING, messageDigest))),
  ];
  // Signed as a SET, sent under a tag of their own: RFC 5652, section 5.4.
  const info = signerInfo(signer, digest, der(SET, ...attributes), der(TAGGED, ...attributes));
  const pieces = ber(OCTET_STRING_IN_PIECES, der(OCTET_STRING, bytes));
  const signedData = ber(
    SEQUENCE,
    der(INTEGER, Buffer.of(1)),
    der(SET, digest),
    ber(SEQUENCE, oid(DATA), ber(TAGGED, pieces)),
    der(SET, info),
  );
  return ber(SEQUENCE, oid(SIGNED_DATA), ber(TAGGED, signedData));
}

function signerInfo(
  { privateKey, certificateDer }: DocumentSigner,
  digest: Buffer,
  signed: Buffer,
  attributes: Uint8Array = Buffer.alloc(0),
): Buffer {
  const certificate = new x509.X509Certificate(Buffer.from(certificateDer));
  const issuerAndSerial = der(
    SEQUENCE,
    Buffer.from(certificate.issuerName.toArrayBuffer()),
    der(INTEGER, Buffer.from(certificate.serialNumber, "hex")),
  );
  const signature = der(OCTET_STRING, sign("sha256", signed, privateKey));
  return der(SEQUENCE, der(INTEGER, Buffer.of(1)), issuerAndSerial, digest, attributes, algorithm(RSA), signature);
}

function algorithm(hex: string): Buffer {
  return der(SEQUENCE, oid(hex), der(NULL));
}

function oid(hex: string): Buffer {
  return der(OBJECT_IDENTIFIER, Buffer.from(hex, "hex"));
}

/** One element of BER: its length in the indefinite form, two zeroes at its end. */
function ber(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.of(tag, 0x80), ...contents, Buffer.of(0, 0)]);
}

/** One element of DER: tag, length in the definite form, contents. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const hex = body.length.toString(16);
  const octets = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
  const length = body.length < 0x80 ? Buffer.of(body.length) : Buffer.of(0x80 | octets.length, ...octets);
  return Buffer.concat([Buffer.of(tag), length, body]);
}
