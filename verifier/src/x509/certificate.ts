import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { Certificate } from "pkijs";
import { quoted } from "../quoted.ts";
import { Refused } from "../refusal.ts";

/** A certificate as Node reads it, and as pkijs does. */
export interface ParsedCertificate {
  readonly node: X509Certificate;
  readonly pki: Certificate;
  /** Read with the certificate: Node reads it when it is first asked for, and then throws. */
  readonly publicKey: KeyObject;
  readonly id: string;
}

const LEAST_RSA_BITS = 2048;
/** To verify takes the cube of the one times the length of the other. */
const MOST_RSA_BITS = 8192;
const MOST_RSA_EXPONENT = 2n ** 32n;
/** RSA (PKCS#1) and ECDSA, each with SHA-256, SHA-384 and SHA-512. */
export const SIGNATURES = new Set([
  ...["1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13"],
  ...["1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4"],
]);
const CURVES = new Set(["prime256v1", "secp384r1", "secp521r1"]);
const SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";
const DNS_NAME = 2;

/** PEM or DER. @throws {Refused} "malformed" */
export function parseCertificate(encoded: string | Uint8Array): ParsedCertificate {
  try {
    const node = new X509Certificate(encoded);
    const id = createHash("sha256").update(node.raw).digest("hex");
    return { node, pki: Certificate.fromBER(node.raw), publicKey: node.publicKey, id };
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
export function requireStrongKey({ node, publicKey }: ParsedCertificate): void {
  requireStrong(publicKey, `The key of ${quoted(node.subject)}`);
}

/** RSA of 2,048 bits or more, or one of NIST's curves. @throws {Refused} "key-weak" */
export function requireStrong(key: KeyObject, whose: string): void {
  requireAffordable(key, whose);
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "ec" && CURVES.has(details?.namedCurve ?? "")) return;
  if (type !== "rsa") throw new Refused("key-weak", `${whose} is of a kind that is not taken: ${type}.`);
  const bits = details?.modulusLength ?? 0;
  if (bits < LEAST_RSA_BITS) throw new Refused("key-weak", `${whose} has ${bits} bits.`);
}

/**
 * Before it is used: RSA keys can be made that take long to verify with.
 * @throws {Refused} "key-weak"
 */
export function requireAffordable({ asymmetricKeyDetails: details }: KeyObject, whose: string): void {
  const [bits, exponent] = [details?.modulusLength ?? 0, details?.publicExponent ?? 3n];
  if (bits > MOST_RSA_BITS || exponent < 3n || exponent > MOST_RSA_EXPONENT)
    throw new Refused("key-weak", `${whose} has ${bits} bits, or an exponent that is not taken.`);
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
