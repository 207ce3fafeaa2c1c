import { X509Certificate } from "node:crypto";
import { isTrustDomain } from "../../core/build-identity.ts";
import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
import type { TrustBundle } from "../../core/desired-state.ts";
import { pemCertificates } from "../../core/pem.ts";
import { ContractBreach, quoted } from "./contract-breach.ts";
import type { TrustBundle as TrustBundleProto } from "./gen/builder/agent/v1/identity.ts";
import { requireAtMost, required } from "./scalars-from-proto.ts";

/**
 * @throws {ContractBreach} if it is missing, if a certificate does not parse or is not a CA's, if
 * there is none or more than the contract allows.
 */
export function trustFromProto(bundle: TrustBundleProto | undefined): TrustBundle {
  const { trustDomain, buildCaCertificates } = required("trust_bundle", bundle);
  if (!isTrustDomain(trustDomain)) {
    throw new ContractBreach("trust_bundle.trust_domain", `is ${quoted(trustDomain)}, not a trust domain`);
  }
  return { trustDomain, buildCas: buildCas(buildCaCertificates) };
}

/** The last bundle that was right: it comes again, the same, with each desired state. */
let known: { readonly pem: string; readonly certificates: readonly string[] } | undefined;

function buildCas(pem: string): readonly string[] {
  if (known?.pem !== pem) known = { pem, certificates: readBuildCas(pem) };
  return known.certificates;
}

function readBuildCas(pem: string): readonly string[] {
  const field = "trust_bundle.build_ca_certificates";
  requireAtMost(field, Buffer.byteLength(pem), CONTRACT_LIMITS.buildCasBytes, "bytes");
  const certificates = pemCertificates(pem);
  if (certificates === undefined) throw new ContractBreach(field, "is not a PEM bundle of certificates");
  requireAtMost(field, certificates.length, CONTRACT_LIMITS.buildCas, "certificates");
  certificates.forEach((certificate, index) => {
    const parsed = parse(certificate);
    if (parsed === undefined)
      throw new ContractBreach(field, `holds a certificate (number ${index + 1}) that does not parse`);
    if (!parsed.ca) throw new ContractBreach(field, `holds a certificate (number ${index + 1}) that is not a CA's`);
  });
  return certificates;
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
