import { createHash } from "node:crypto";
import * as asn1js from "asn1js";
import {
  Attribute,
  Certificate,
  ContentInfo,
  EncapsulatedContentInfo,
  IssuerAndSerialNumber,
  SignedAndUnsignedAttributes,
  SignedData,
  SignerInfo,
} from "pkijs";
import { forDigest, type Holder } from "./certificates.ts";

const DATA = "1.2.840.113549.1.7.1";

/** How PKCS#7 is made; each of them but the first two is somebody's forgery. */
export interface Making {
  readonly signer: Holder;
  /** The certificates that go along. */
  readonly bag: readonly Holder[];
  /** Whose issuer and serial number the signer names; default: its own. */
  readonly namedAs?: Holder;
  readonly digest?: "SHA-1" | "SHA-256";
  readonly hasAttributes?: boolean;
  /** As the attribute says it. */
  readonly attributeType?: string;
  readonly contentType?: string;
  readonly isDetached?: boolean;
  readonly signers?: 0 | 1 | 2;
  /** As AWS writes it: the content in several pieces (BER). */
  readonly isInPieces?: boolean;
  /** Azure's way to name the digest. */
  readonly hasQuirk?: boolean;
  /** Put in the place of the signer's. */
  readonly signatureOfOthers?: Uint8Array;
  /** Put in the place of what was signed. */
  readonly swapped?: Uint8Array;
}

export async function signedDocument(content: Uint8Array, making: Making): Promise<Uint8Array> {
  const { signer, digest = "SHA-256", contentType = DATA, signers = 1 } = making;
  const named = Certificate.fromBER((making.namedAs ?? signer).der);
  const signed = new SignedData({
    version: 1,
    encapContentInfo: new EncapsulatedContentInfo({ eContentType: contentType, eContent: octets(content) }),
    certificates: making.bag.map(({ der }) => Certificate.fromBER(der)),
    signerInfos: Array.from(
      { length: signers },
      () =>
        new SignerInfo({
          version: 1,
          sid: new IssuerAndSerialNumber({ issuer: named.issuer, serialNumber: named.serialNumber }),
          ...(making.hasAttributes === true ? { signedAttrs: attributes(content, making) } : {}),
        }),
    ),
  });
  const key = await forDigest(signer.pair.privateKey, signer.algorithm, digest);
  for (let index = 0; index < signers; index += 1) await signed.sign(key, index, digest);
  if (making.hasQuirk === true)
    for (const info of signed.signerInfos) info.digestAlgorithm.algorithmId = "1.2.840.113549.1.1.11";
  if (making.swapped !== undefined) signed.encapContentInfo.eContent = octets(making.swapped);
  if (making.signatureOfOthers !== undefined)
    for (const info of signed.signerInfos) info.signature = octets(making.signatureOfOthers);
  if (making.isInPieces === true) signed.encapContentInfo.eContent = octetsInPieces(content);
  if (making.isDetached === true) delete signed.encapContentInfo.eContent;
  const info = new ContentInfo({ contentType: "1.2.840.113549.1.7.2", content: signed.toSchema(true) });
  return new Uint8Array(info.toSchema().toBER());
}

/** What a document's signature is really over, and that signature. */
export function signedAttributes(document: Uint8Array): { attributes: Uint8Array; signature: Uint8Array } {
  const signed = new SignedData({ schema: ContentInfo.fromBER(document).content });
  const [info] = signed.signerInfos;
  if (info?.signedAttrs === undefined) throw new Error("the document has no signed attributes");
  return {
    attributes: new Uint8Array(info.signedAttrs.encodedValue),
    signature: info.signature.valueBlock.valueHexView,
  };
}

function attributes(content: Uint8Array, { attributeType = DATA, digest = "SHA-256" }: Making) {
  const hash = createHash(digest.replace("-", "").toLowerCase()).update(content).digest();
  return new SignedAndUnsignedAttributes({
    type: 0,
    attributes: [
      new Attribute({ type: "1.2.840.113549.1.9.3", values: [new asn1js.ObjectIdentifier({ value: attributeType })] }),
      new Attribute({ type: "1.2.840.113549.1.9.4", values: [octets(hash)] }),
    ],
  });
}

function octetsInPieces(bytes: Uint8Array): asn1js.OctetString {
  const value = [bytes.slice(0, 100), bytes.slice(100)].map(octets);
  return new asn1js.OctetString({ isConstructed: true, idBlock: { isConstructed: true }, value });
}

function octets(bytes: Uint8Array): asn1js.OctetString {
  return new asn1js.OctetString({ valueHex: new Uint8Array(bytes).buffer });
}
