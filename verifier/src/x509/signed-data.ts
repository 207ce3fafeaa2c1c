import { fromBER, ObjectIdentifier, OctetString } from "asn1js";
import { AlgorithmIdentifier, Certificate, ContentInfo, SignedData, type SignerInfo } from "pkijs";
import { Refused } from "../refusal.ts";
import { type ParsedCertificate, parseCertificate, requireStrongKey } from "./certificate.ts";
import { engine } from "./engine.ts";

const SIGNED_DATA = "1.2.840.113549.1.7.2";
const DATA = "1.2.840.113549.1.7.1";
const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const SHA_256 = "2.16.840.1.101.3.4.2.1";
const DIGESTS = new Set([SHA_256, "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3"]);
const RSA = "1.2.840.113549.1.1.1";
const RSA_WITH_SHA_256 = "1.2.840.113549.1.1.11";
const SIGNATURES = new Set([RSA, RSA_WITH_SHA_256, "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13"]);
const MOST_CERTIFICATES = 8;

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

  /** @throws {Refused} "malformed", "signers-not-one", "content-absent", "algorithm-not-allowed" */
  static read(der: Uint8Array): SignedContent {
    const signed = parse(der);
    const [signer] = signed.signerInfos;
    if (signer === undefined || signed.signerInfos.length !== 1)
      throw new Refused("signers-not-one", `The document has ${signed.signerInfos.length} signers.`);
    // With another type pkijs would take the time to check at from the content.
    if (signed.encapContentInfo.eContentType !== DATA)
      throw new Refused("malformed", "The document's content is not plain data.");
    const content = signed.encapContentInfo.eContent;
    if (content === undefined) throw new Refused("content-absent", "The document's content is not in it.");
    if (!(content instanceof OctetString)) throw new Refused("malformed", "The document's content is no octet string.");
    requireAlgorithms(signer);
    requireContentType(signer);
    return new SignedContent(signed, new Uint8Array(content.getValue()));
  }

  /** The certificates that came inside. @throws {Refused} "malformed" */
  bag(): readonly ParsedCertificate[] {
    const certificates = this.#signed.certificates ?? [];
    if (certificates.length > MOST_CERTIFICATES)
      throw new Refused("malformed", `The document has more than ${MOST_CERTIFICATES} certificates.`);
    return certificates.filter((one) => one instanceof Certificate).map(parsed);
  }

  /**
   * Verifies the signature with one of these certificates, whatever came inside, and says which
   * it was.
   * @throws {Refused} "signature-invalid", "key-weak"
   */
  async verifyWith(certificates: readonly ParsedCertificate[]): Promise<ParsedCertificate> {
    this.#signed.certificates = certificates.map(({ pki }) => pki);
    let signer: Certificate | null;
    try {
      const verified = await this.#signed.verify({ signer: 0, extendedMode: true }, engine);
      signer = verified.signatureVerified === true ? (verified.signerCertificate ?? null) : null;
    } catch (cause) {
      throw new Refused("signature-invalid", "The document is not signed by a certificate that it may be.", cause);
    }
    const certificate = certificates.find(({ pki }) => pki === signer);
    if (certificate === undefined) throw new Refused("signature-invalid", "The document's signature does not fit.");
    requireStrongKey(certificate);
    return certificate;
  }
}

function parse(der: Uint8Array): SignedData {
  try {
    const { offset, result } = fromBER(der);
    if (offset !== der.length) throw new Error("there are bytes behind it");
    const info = new ContentInfo({ schema: result });
    if (info.contentType !== SIGNED_DATA) throw new Error("it is not signed data");
    return new SignedData({ schema: info.content });
  } catch (cause) {
    throw new Refused("malformed", "The document is not signed data of PKCS#7.", cause);
  }
}

/**
 * Azure names the signature's algorithm where the digest's belongs, and pkijs does not know what to
 * do with it. What is signed does not hold that name.
 */
function requireAlgorithms(signer: SignerInfo): void {
  if (signer.digestAlgorithm.algorithmId === RSA_WITH_SHA_256)
    signer.digestAlgorithm = new AlgorithmIdentifier({ algorithmId: SHA_256 });
  if (!DIGESTS.has(signer.digestAlgorithm.algorithmId) || !SIGNATURES.has(signer.signatureAlgorithm.algorithmId))
    throw new Refused("algorithm-not-allowed", "The document is signed with an algorithm that is not taken.");
}

/**
 * RFC 5652, 11.1: signed along, it has to be the content's; pkijs only looks whether it is there.
 */
function requireContentType(signer: SignerInfo): void {
  const attribute = signer.signedAttrs?.attributes.find(({ type }) => type === CONTENT_TYPE);
  const value: unknown = attribute?.values[0];
  if (attribute !== undefined && !(value instanceof ObjectIdentifier && value.getValue() === DATA))
    throw new Refused("content-mismatch", "The document's signature is for another type of content.");
}

function parsed(certificate: Certificate): ParsedCertificate {
  return parseCertificate(new Uint8Array(certificate.toSchema().toBER()));
}
