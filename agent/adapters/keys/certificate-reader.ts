import { X509Certificate } from "node:crypto";
import { AgentError } from "../../core/errors.ts";
import { pemCertificates } from "../../core/pem.ts";
import type { CertificateReader } from "../../ports/keys.ts";
import { spkiSha256 } from "./spki.ts";

export function certificateReader(): CertificateReader {
  return { read: readLeafDates };
}

/** @throws {AgentError} "identity.certificate-unusable" */
export function readLeafDates(
  chainPem: string,
  key: { readonly spkiSha256: string },
): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  const [leaf] = parseChain(chainPem);
  if (leaf === undefined) throw unusable("holds no PEM certificate, or a broken one");
  if (spkiSha256(leaf.publicKey) !== key.spkiSha256) throw unusable("is for another key than the one requested");
  const notBeforeMs = Date.parse(leaf.validFrom);
  const notAfterMs = Date.parse(leaf.validTo);
  // Written so that a date which is not a number refuses.
  if (!(notBeforeMs < notAfterMs)) throw unusable(`is valid from "${leaf.validFrom}" to "${leaf.validTo}"`);
  return { notBeforeMs, notAfterMs };
}

function parseChain(chainPem: string): readonly X509Certificate[] {
  try {
    return (pemCertificates(chainPem) ?? []).map((pem) => new X509Certificate(pem));
  } catch (cause) {
    throw unusable("holds a certificate that does not parse", cause);
  }
}

function unusable(because: string, cause?: unknown): AgentError {
  return new AgentError(
    "identity.certificate-unusable",
    `The certificate chain ${because}; the control plane must issue another`,
    { retryable: true, cause },
  );
}
