import { createHash } from "node:crypto";
import { algorithm, issuerAndSerial, type Oid, octets, oid, sequence, set, tlv } from "./asn1.ts";
import type { Holder } from "./authority.ts";
import type { OpenSsl } from "./openssl.ts";

/** As EC2 writes its own: BER, attributes, no certificate. */
const AS_EC2 = ["-nocerts", "-stream"];
/** As Azure does: DER, the signer's certificate, no attributes. */
const AS_AZURE = ["-noattr"];

/** `openssl cms -sign`, which knows no way to forge; what it may be told to do is in `more`. */
export function cms(
  openssl: OpenSsl,
  content: Uint8Array | string,
  { key, certificate }: Pick<Holder, "key" | "certificate">,
  { md = "sha256", more = [] as readonly string[], isDetached = false } = {},
): Promise<Buffer> {
  const args = ["-sign", "-binary", "-nosmimecap", "-outform", "DER", "-md", md, "-signer", certificate, "-inkey", key];
  return openssl.output(["cms", ...args, ...(isDetached ? [] : ["-nodetach"]), ...more], content);
}

export const asEc2 = (openssl: OpenSsl, content: string, signer: Holder, md?: string) =>
  cms(openssl, content, signer, { more: AS_EC2, ...(md === undefined ? {} : { md }) });

export const asAzure = (openssl: OpenSsl, content: string, signer: Holder, md?: string) =>
  cms(openssl, content, signer, { more: AS_AZURE, ...(md === undefined ? {} : { md }) });

/** The digest named as Azure names it, by the algorithm of the signature; openssl takes no such. */
export function withAzuresDigest(document: Buffer, digest: Oid = "sha256"): Buffer {
  return replaced(document, oid(digest), oid("sha256WithRsa"));
}

/** What openssl refuses to write: each part may be another's. */
export interface Parts {
  readonly content: Uint8Array;
  readonly signer: Holder;
  /** Whose issuer and serial number it names; default: its own. */
  readonly namedAs?: Holder;
  /** In this order. */
  readonly bag?: readonly Holder[];
  /** DER, each; undefined: the signature is over the content. */
  readonly attributes?: readonly Uint8Array[];
  /** What is signed in their place, or in the content's. */
  readonly signed?: Uint8Array;
  readonly contentType?: Oid;
  readonly isDetached?: boolean;
  readonly signers?: number;
  readonly digest?: Oid;
}

export async function assembled(openssl: OpenSsl, parts: Parts): Promise<Buffer> {
  const { content, signer, bag = [], attributes, contentType = "data", digest = "sha256" } = parts;
  const signed = parts.signed ?? (attributes === undefined ? content : set(...attributes));
  const signature = await openssl.run(["dgst", "-sha256", "-sign", signer.key, "-binary"], signed);
  const info = sequence(
    tlv(0x02, Buffer.of(1)),
    issuerAndSerial((parts.namedAs ?? signer).der),
    algorithm(digest),
    ...(attributes === undefined ? [] : [tlv(0xa0, ...attributes)]),
    algorithm("rsa"),
    octets(signature),
  );
  const data = sequence(
    tlv(0x02, Buffer.of(1)),
    set(algorithm(digest)),
    sequence(oid(contentType), ...(parts.isDetached === true ? [] : [tlv(0xa0, octets(content))])),
    ...(bag.length === 0 ? [] : [tlv(0xa0, ...bag.map(({ der }) => der))]),
    set(...Array.from({ length: parts.signers ?? 1 }, () => info)),
  );
  return sequence(oid("signedData"), tlv(0xa0, data));
}

/** Attributes as RFC 5652 wants them, section 11. */
export const contentTypeAttribute = (type: Oid = "data") => sequence(oid("contentType"), set(oid(type)));

export function digestAttribute(...contents: readonly Uint8Array[]): Buffer {
  const digests = contents.map((content) => octets(createHash("sha256").update(content).digest()));
  return sequence(oid("messageDigest"), set(...digests));
}

/** Whether openssl finds the signature good, whoever made it. */
export async function isGoodToOpenSsl(
  openssl: OpenSsl,
  document: Uint8Array,
  { certificate }: Holder,
): Promise<boolean> {
  const args = ["-verify", "-noverify", "-binary", "-inform", "DER", "-certfile", certificate];
  return openssl.takes(["cms", ...args], document);
}

/** Both are of one length, so that no other length changes. */
function replaced(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const text = bytes.toString("latin1").replaceAll(from.toString("latin1"), to.toString("latin1"));
  return Buffer.from(text, "latin1");
}
