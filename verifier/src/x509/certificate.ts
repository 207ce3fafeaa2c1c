import { createHash, X509Certificate } from "node:crypto";
import { Certificate } from "pkijs";
import { Refused } from "../refusal.ts";

/** A certificate as Node reads it, and as pkijs does. */
export interface ParsedCertificate {
  readonly node: X509Certificate;
  readonly pki: Certificate;
  readonly id: string;
}

const LEAST_RSA_BITS = 2048;
const CURVES = new Set(["prime256v1", "secp384r1", "secp521r1"]);
const SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";
const DNS_NAME = 2;

/** PEM or DER. @throws {Refused} "malformed" */
export function parseCertificate(encoded: string | Uint8Array): ParsedCertificate {
  try {
    const node = new X509Certificate(encoded);
    return { node, pki: Certificate.fromBER(node.raw), id: createHash("sha256").update(node.raw).digest("hex") };
  } catch (cause) {
    throw new Refused("malformed", "A certificate cannot be read.", cause);
  }
}

/** PEM, of the configuration: no evidence is to blame for it. @throws {Error} it cannot be read */
export function configuredCertificate(pem: string): ParsedCertificate {
  try {
    return parseCertificate(pem);
  } catch (cause) {
    throw new Error("A certificate of the configuration cannot be read.", { cause });
  }
}

/** @throws {Refused} "key-weak" */
export function requireStrongKey({ node }: ParsedCertificate): void {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = node.publicKey;
  const isStrong =
    (type === "rsa" && (details?.modulusLength ?? 0) >= LEAST_RSA_BITS) ||
    (type === "ec" && CURVES.has(details?.namedCurve ?? ""));
  if (!isStrong) throw new Refused("key-weak", "A certificate's key is too short, or of a kind that is not taken.");
}

/** As they are in the certificate, nothing expanded. */
export function dnsNames({ pki }: ParsedCertificate): readonly string[] {
  const extension = pki.extensions?.find(({ extnID }) => extnID === SUBJECT_ALTERNATIVE_NAME);
  const parsed: unknown = extension?.parsedValue;
  if (typeof parsed !== "object" || parsed === null || !("altNames" in parsed) || !Array.isArray(parsed.altNames))
    return [];
  const names: readonly unknown[] = parsed.altNames;
  return names.filter(isDnsName).map(({ value }) => value);
}

function isDnsName(name: unknown): name is { readonly value: string } {
  return (
    typeof name === "object" &&
    name !== null &&
    "type" in name &&
    name.type === DNS_NAME &&
    "value" in name &&
    typeof name.value === "string"
  );
}
