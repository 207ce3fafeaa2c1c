import { createHash } from "node:crypto";
import { Integer, OctetString, Primitive } from "asn1js";
import {
  AlgorithmIdentifier,
  Certificate,
  ContentInfo,
  IssuerAndSerialNumber,
  SignedData,
  SignedDataVerifyError,
  type SignerInfo,
} from "pkijs";
import { Refused } from "../refusal.ts";
import { wholeBer } from "./ber.ts";
import { type ParsedCertificate, parseCertificate, requireAffordable, requireStrongKey } from "./certificate.ts";
import { engine } from "./engine.ts";
import { requireSignedAttributes } from "./signed-attributes.ts";

const SIGNED_DATA = "1.2.840.113549.1.7.2";
const DATA = "1.2.840.113549.1.7.1";
const SHA_256 = "2.16.840.1.101.3.4.2.1";
/** By the names of `node:crypto`. */
const DIGESTS: Readonly<Record<string, string>> = {
  [SHA_256]: "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
};
/** What else PKCS#7 may hold. */
const OTHER_TYPES: Readonly<Record<string, string>> = {
  [DATA]: "plain data, which nobody has signed",
  "1.2.840.113549.1.7.3": "encrypted for somebody",
  "1.2.840.113549.1.7.5": "a digest, which nobody has signed",
  "1.2.840.113549.1.7.6": "encrypted",
};
const RSA = "1.2.840.113549.1.1.1";
const RSA_WITH_SHA_256 = "1.2.840.113549.1.1.11";
const SIGNATURES = new Set([RSA, RSA_WITH_SHA_256, "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13"]);
const MOST_CERTIFICATES = 8;
/** Of `SignedDataVerifyError`. */
const SIGNER_NOT_FOUND = 3;
/** Of a serial number or key id, in the audit log. */
const SHOWN_CHARACTERS = 12;

/**
 * PKCS#7 with its content inside, read and not verified. What is in it may be looked at only to
 * find the certificate that it has to be verified with.
 */
export class SignedContent {
  readonly content: Uint8Array;
  readonly #signed: SignedData;

  private constructor(signed: SignedData, content: Uint8Array) {
    this.#signed = signed;
    this.content = content;
  }

  /**
   * @throws {Refused} "malformed", "signers-not-one", "content-absent", "algorithm-not-allowed",
   * "content-mismatch", "signature-invalid" where the content is not the one whose digest is signed
   */
  static read(der: Uint8Array): SignedContent {
    const signed = parse(der);
    const [signer] = signed.signerInfos;
    if (signer === undefined || signed.signerInfos.length !== 1)
      throw new Refused("signers-not-one", `The document has ${signed.signerInfos.length} signers.`);
    // With another type pkijs would take the time to check at from the content.
    if (signed.encapContentInfo.eContentType !== DATA)
      throw new Refused(
        "malformed",
        `The document's content is ${signed.encapContentInfo.eContentType}, no plain data.`,
      );
    const content = signed.encapContentInfo.eContent;
    if (content === undefined) throw new Refused("content-absent", "The document's content is not in it.");
    if (!(content instanceof OctetString)) throw new Refused("malformed", "The document's content is no octet string.");
    const bytes = new Uint8Array(content.getValue());
    const digest = createHash(requireAlgorithms(signer)).update(bytes).digest();
    requireSignedAttributes(signer, DATA, digest);
    return new SignedContent(signed, bytes);
  }

  /** The certificates that came inside. @throws {Refused} "malformed", "key-weak" */
  bag(): readonly ParsedCertificate[] {
    const certificates = this.#signed.certificates ?? [];
    if (certificates.length > MOST_CERTIFICATES)
      throw new Refused("malformed", `The document has more than ${MOST_CERTIFICATES} certificates.`);
    const bag = certificates.filter((one) => one instanceof Certificate).map(parsed);
    for (const { publicKey } of bag) requireAffordable(publicKey, "A key in the document");
    return bag;
  }

  /**
   * Verifies the signature with one of these certificates, whatever came inside, and says which
   * it was.
   * @param whose what these certificates are, for the audit log
   * @throws {Refused} "signature-invalid", "key-weak"
   */
  async verifyWith(certificates: readonly ParsedCertificate[], whose: string): Promise<ParsedCertificate> {
    this.#signed.certificates = certificates.map(({ pki }) => pki);
    let signer: Certificate | null;
    try {
      const verified = await this.#signed.verify({ signer: 0, extendedMode: true }, engine);
      signer = verified.signatureVerified === true ? (verified.signerCertificate ?? null) : null;
    } catch (cause) {
      throw new Refused("signature-invalid", `${this.#whySignerFails(cause)} ${whose}.`, cause);
    }
    const certificate = certificates.find(({ pki }) => pki === signer);
    if (certificate === undefined)
      throw new Refused("signature-invalid", `The document names ${whose}, and its signature is another's.`);
    requireStrongKey(certificate);
    return certificate;
  }

  #whySignerFails(cause: unknown): string {
    const isFound = !(cause instanceof SignedDataVerifyError && cause.code === SIGNER_NOT_FOUND);
    return isFound
      ? "The document's signature cannot be verified with"
      : `The document's signer, ${signerName(this.#signed.signerInfos[0]?.sid)}, is not`;
  }
}

function parse(der: Uint8Array): SignedData {
  const result = wholeBer(der, "document", "malformed");
  const info = orMalformed("PKCS#7", () => new ContentInfo({ schema: result }));
  if (info.contentType !== SIGNED_DATA) {
    const type = OTHER_TYPES[info.contentType] ?? "of another type";
    throw new Refused("malformed", `The document is not signed data of PKCS#7: it is ${type}.`);
  }
  return orMalformed("signed data of PKCS#7", () => new SignedData({ schema: info.content }));
}

function orMalformed<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Refused("malformed", `The document is not ${what}.`, cause);
  }
}

/**
 * Azure names the signature's algorithm where the digest's belongs, and pkijs does not know what to
 * do with it. What is signed does not hold that name.
 */
function requireAlgorithms(signer: SignerInfo): string {
  if (signer.digestAlgorithm.algorithmId === RSA_WITH_SHA_256)
    signer.digestAlgorithm = new AlgorithmIdentifier({ algorithmId: SHA_256 });
  const { digestAlgorithm, signatureAlgorithm } = signer;
  const digest = Object.hasOwn(DIGESTS, digestAlgorithm.algorithmId) ? DIGESTS[digestAlgorithm.algorithmId] : undefined;
  if (digest === undefined)
    throw new Refused("algorithm-not-allowed", `The document's digest is ${digestAlgorithm.algorithmId}.`);
  if (!SIGNATURES.has(signatureAlgorithm.algorithmId))
    throw new Refused("algorithm-not-allowed", `The document's signature is ${signatureAlgorithm.algorithmId}.`);
  return digest;
}

/** Enough of it to find the certificate by. */
function signerName(sid: unknown): string {
  const bySerial = sid instanceof IssuerAndSerialNumber;
  const block = bySerial ? sid.serialNumber : sid;
  const hex = block instanceof Primitive || block instanceof Integer ? block.valueBlock.valueHexView : new Uint8Array();
  return `${bySerial ? "serial number" : "key id"} ${Buffer.from(hex).toString("hex").slice(0, SHOWN_CHARACTERS)}`;
}

function parsed(certificate: Certificate): ParsedCertificate {
  return parseCertificate(new Uint8Array(certificate.toSchema().toBER()));
}
