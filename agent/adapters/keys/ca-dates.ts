import { X509Certificate } from "node:crypto";
import type { CaDates } from "../../core/ca-bundles.ts";
import { pemCertificates } from "../../core/pem.ts";

/** Of each certificate in PEM. One that does not parse has ended: nobody believes it. */
export function caDates(pem: string): readonly CaDates[] {
  return (pemCertificates(pem) ?? []).map((one) => {
    try {
      const { subject, validFrom, validTo } = new X509Certificate(one);
      const name = subject.replaceAll("\n", ", ");
      return { subject: name, notBeforeMs: Date.parse(validFrom), notAfterMs: Date.parse(validTo) };
    } catch {
      return { subject: "a certificate that cannot be read", notBeforeMs: 0, notAfterMs: 0 };
    }
  });
}
