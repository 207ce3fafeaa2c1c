import type { X509Certificate } from "node:crypto";
import { type CertificateForm, certificateForm } from "./certificate-form.ts";

/** RFC 5280, section 4.2.1, by name. */
const KEY_USAGE = "2.5.29.15";
const SUBJECT_ALT_NAME = "2.5.29.17";
const BASIC_CONSTRAINTS = "2.5.29.19";
const NAME_CONSTRAINTS = "2.5.29.30";
const EXTENDED_KEY_USAGE = "2.5.29.37";

/** What we judge by ourselves; anything else that is critical refuses. */
const OF_LEAF: ReadonlySet<string> = new Set([KEY_USAGE, SUBJECT_ALT_NAME, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE]);
const OF_CA: ReadonlySet<string> = new Set([KEY_USAGE, BASIC_CONSTRAINTS]);
/** They narrow what a CA is good for: OpenSSL reads them, we do not. */
const NARROWING = [NAME_CONSTRAINTS, EXTENDED_KEY_USAGE];

/** ECDSA and RSA with SHA-256, SHA-384 and SHA-512, and Ed25519 (RFC 5758, 4055, 8410). */
const SIGNATURES: ReadonlySet<string> = new Set([
  ...["1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4"],
  ...["1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13"],
  "1.3.101.112",
]);

/** DER of a BIT STRING: the first bit is digitalSignature (section 4.2.1.3). */
const DIGITAL_SIGNATURE = 0x80;
const FIRST_BITS_AT = 3;

/**
 * Whether `leaf` was issued, directly, by one of several CAs that neither their name nor key ids
 * tell apart. OpenSSL looks at one of them only, and says CERT_SIGNATURE_FAILURE of what the others
 * issued; that may stand for other faults too, so that all which it would have looked at is looked
 * at here, and what is unusual refuses. The leaf's own purpose and dates are judged as everybody's.
 */
export function issuedByTwin(leaf: X509Certificate, cas: readonly X509Certificate[], nowMs: number): boolean {
  const twins = cas.filter((ca) => leaf.checkIssued(ca));
  const issuer = twins.length < 2 ? undefined : twins.find((ca) => leaf.verify(ca.publicKey));
  if (issuer === undefined || !issuer.ca) return false;
  if (!(Date.parse(issuer.validFrom) <= nowMs && nowMs < Date.parse(issuer.validTo))) return false;
  const [form, formOfCa] = [certificateForm(leaf.raw), certificateForm(issuer.raw)];
  if (!SIGNATURES.has(form.signature) || !hasOnly(form, OF_LEAF) || !hasOnly(formOfCa, OF_CA)) return false;
  if (formOfCa.extensions.some(({ oid }) => NARROWING.includes(oid))) return false;
  const usage = form.extensions.find(({ oid }) => oid === KEY_USAGE);
  return usage === undefined || ((usage.value[FIRST_BITS_AT] ?? 0) & DIGITAL_SIGNATURE) !== 0;
}

function hasOnly({ extensions }: CertificateForm, known: ReadonlySet<string>): boolean {
  return extensions.every(({ oid, critical }) => !critical || known.has(oid));
}
