import { verify } from "node:crypto";
import { decode, encode, Tag } from "cbor2";
import { quoted } from "../quoted.ts";
import { Refused } from "../refusal.ts";
import { configuredCertificate, type ParsedCertificate, parseCertificate } from "../x509/certificate.ts";
import { requirePath } from "../x509/path.ts";
import type { Surroundings } from "./surroundings.ts";

export interface NitroTpm {
  readonly kind: "nitro-tpm";
  /** COSE_Sign1. */
  readonly document: Uint8Array;
}

export interface NitroTpmPolicy {
  /** PEM: the root of AWS's Nitro PKI. */
  readonly roots: readonly string[];
  /** The images that may run, each by its PCRs: SHA-384, lower-case hex, by their numbers. */
  readonly images: readonly { readonly name: string; readonly pcrs: Readonly<Record<string, string>> }[];
}

/** Which image runs. It does not say on which instance, so it does not stand alone. */
export interface NitroTpmClaims {
  readonly kind: "nitro-tpm";
  readonly instance: undefined;
  /** The policy's name of it. */
  readonly image: string;
  readonly moduleId: string;
}

const COSE_SIGN1 = 18;
const ALGORITHM = 1;
const ES384 = -35;
/** The nonce is this challenge's; the time is looked at all the same. */
const VALID_MS = 5 * 60_000;
const LEEWAY_MS = 60_000;
const MODULE_ID = /^[A-Za-z0-9-]{1,128}$/;
const DECODING = {
  preferMap: true,
  rejectDuplicateKeys: true,

  ignoreGlobalTags: true,
  maxDepth: 8,
};

type CborMap = ReadonlyMap<unknown, unknown>;

export async function verifyNitroTpm(
  { document }: NitroTpm,
  policy: NitroTpmPolicy,
  { challenge, nowMs }: Surroundings,
): Promise<NitroTpmClaims> {
  const sign1 = readSign1(document);
  const signer = parseCertificate(bytes(sign1.payload, "certificate"));
  const intermediates = list(sign1.payload, "cabundle").map(parseCertificate);
  const roots = policy.roots.map(configuredCertificate);
  await requirePath({ leaf: signer, intermediates, roots }, nowMs);
  requireSignature(sign1, signer);
  requireTime(sign1.payload.get("timestamp"), nowMs);
  if (!bytes(sign1.payload, "nonce").equals(challenge.nonce))
    throw new Refused("nonce-mismatch", "The document is bound to another challenge.");
  if (!bytes(sign1.payload, "public_key").equals(challenge.spki))
    throw new Refused("key-mismatch", "The document is bound to another key.");
  const moduleId = sign1.payload.get("module_id");
  if (typeof moduleId !== "string" || !MODULE_ID.test(moduleId))
    throw new Refused("malformed", "The document does not name its module.");
  return { kind: "nitro-tpm", instance: undefined, image: expectedImage(sign1.payload, policy), moduleId };
}

interface Sign1 {
  readonly protectedHeader: Uint8Array;
  readonly encodedPayload: Uint8Array;
  readonly payload: CborMap;
  readonly signature: Uint8Array;
}

/** RFC 9052, 4.2; tagged or not. @throws {Refused} "malformed", "algorithm-not-allowed" */
function readSign1(document: Uint8Array): Sign1 {
  // A Buffer's parts would be Buffers, and cbor2 encodes those as something else than bytes.
  const message = decoded(Uint8Array.from(document));
  const parts: unknown = message instanceof Tag && message.tag === COSE_SIGN1 ? message.contents : message;
  const elements: readonly unknown[] = Array.isArray(parts) ? parts : [];
  const [protectedHeader, , encodedPayload, signature] = elements;
  if (elements.length !== 4 || !(protectedHeader instanceof Uint8Array) || !(signature instanceof Uint8Array))
    throw new Refused("malformed", "The document is not COSE_Sign1.");
  if (!(encodedPayload instanceof Uint8Array))
    throw new Refused("content-absent", "The document's content is not in it.");
  const [header, payload] = [decoded(protectedHeader), decoded(encodedPayload)];
  if (!(header instanceof Map) || header.get(ALGORITHM) !== ES384 || header.size !== 1)
    throw new Refused("algorithm-not-allowed", "The document is not signed with ES384, or asks for more.");
  if (!(payload instanceof Map)) throw new Refused("malformed", "The document's content is not a map.");
  return { protectedHeader, encodedPayload, payload, signature };
}

function decoded(encoded: Uint8Array): unknown {
  try {
    return decode(encoded, DECODING);
  } catch (cause) {
    const isTwice = cause instanceof Error && cause.message.startsWith("Duplicate key");
    if (isTwice) throw new Refused("duplicate-key", "The document has a key twice in one map.");
    throw new Refused("malformed", "The document is not CBOR as it has to be.", cause);
  }
}

/** RFC 9052, 4.4. */
function requireSignature(
  { protectedHeader, encodedPayload, signature }: Sign1,
  { publicKey }: ParsedCertificate,
): void {
  const signed = encode(["Signature1", protectedHeader, new Uint8Array(), encodedPayload]);
  const isGood =
    publicKey.asymmetricKeyDetails?.namedCurve === "secp384r1" &&
    verify("sha384", signed, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
  if (!isGood) throw new Refused("signature-invalid", "The document is not signed by the certificate in it.");
}

function requireTime(timestampMs: unknown, nowMs: number): void {
  if (typeof timestampMs !== "number" || !Number.isSafeInteger(timestampMs))
    throw new Refused("time-missing", "The document does not say when it was made.");
  if (nowMs - timestampMs >= VALID_MS) throw new Refused("expired", "The document was made too long ago.");
  if (timestampMs - nowMs > LEEWAY_MS) throw new Refused("not-yet-valid", "The document is from the future.");
}

function expectedImage(payload: CborMap, { images }: NitroTpmPolicy): string {
  const pcrs = payload.get("nitrotpm_pcrs");
  if (payload.get("digest") !== "SHA384" || !(pcrs instanceof Map))
    throw new Refused("malformed", "The document has no PCRs of SHA-384.");
  const image = images.find(({ pcrs: expected }) => {
    const numbers = Object.keys(expected);
    return numbers.length > 0 && numbers.every((number) => hexOf(pcrs.get(Number(number))) === expected[number]);
  });
  if (image === undefined)
    throw new Refused("image-not-expected", `The module ${quoted(payload.get("module_id"))} runs another image.`);
  return image.name;
}

function hexOf(value: unknown): string | undefined {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : undefined;
}

function bytes(map: CborMap, name: string): Buffer {
  const value = map.get(name);
  if (!(value instanceof Uint8Array)) throw new Refused("malformed", `The document has no ${name}.`);
  return Buffer.from(value);
}

const MOST_CERTIFICATES = 8;

function list(map: CborMap, name: string): readonly Uint8Array[] {
  const value: unknown = map.get(name);
  if (Array.isArray(value) && value.length <= MOST_CERTIFICATES && value.every((one) => one instanceof Uint8Array))
    return value;
  throw new Refused("malformed", `The document has no ${name}, or too long a one.`);
}
