import { X509Certificate } from "node:crypto";
import { AgentError } from "../../core/errors.ts";
import { pemCertificates } from "../../core/pem.ts";
import type { CertificateReader } from "../../ports/keys.ts";
import { spkiSha256 } from "./spki.ts";

export function certificateReader(): CertificateReader {
  return { read: readDates };
}

/** @throws {AgentError} "identity.certificate-unusable" */
export function readDates(
  chainPem: string,
  key: { readonly spkiSha256: string },
  name?: string,
): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  const chain = parseChain(chainPem);
  const [leaf] = chain;
  if (leaf === undefined) throw unusable("holds no PEM certificate, or a broken one");
  if (keyOf(leaf) !== key.spkiSha256) throw unusable("is for another key than the one requested");
  if (name !== undefined && leaf.subjectAltName !== `URI:${name}`)
    throw unusable(`is for ${leaf.subjectAltName ?? "nobody"}, not for URI:${name}`);
  const notBeforeMs = Math.max(...chain.map(({ validFrom }) => Date.parse(validFrom)));
  const notAfterMs = Math.min(...chain.map(({ validTo }) => Date.parse(validTo)));
  // Written so that a date which is not a number refuses.
  if (!(notBeforeMs < notAfterMs)) {
    const dates = chain.map(({ validFrom, validTo }) => `from "${validFrom}" to "${validTo}"`);
    throw unusable(`is at no time valid as a whole: ${dates.join(", ")}`);
  }
  return { notBeforeMs, notAfterMs };
}

function parseChain(chainPem: string): readonly X509Certificate[] {
  try {
    return (pemCertificates(chainPem) ?? []).map((pem) => new X509Certificate(pem));
  } catch (cause) {
    throw unusable("holds a certificate that does not parse", cause);
  }
}

/** Node reads a certificate's key only when it is asked for, and then throws. */
function keyOf(certificate: X509Certificate): string {
  try {
    return spkiSha256(certificate.publicKey);
  } catch (cause) {
    throw unusable("holds a certificate whose key does not parse", cause);
  }
}

function unusable(because: string, cause?: unknown): AgentError {
  return new AgentError(
    "identity.certificate-unusable",
    `The certificate chain ${because}; the control plane must issue another`,
    { retryable: true, cause },
  );
}
