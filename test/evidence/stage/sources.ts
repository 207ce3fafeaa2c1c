import { awsCallerIdentityEvidence } from "../../../agent/adapters/evidence/aws-caller-identity-evidence.ts";
import { awsInstanceIdentityEvidence } from "../../../agent/adapters/evidence/aws-instance-identity-evidence.ts";
import { awsWebIdentityEvidence } from "../../../agent/adapters/evidence/aws-web-identity-evidence.ts";
import { azureEvidence } from "../../../agent/adapters/evidence/azure-evidence.ts";
import { gcpEvidence } from "../../../agent/adapters/evidence/gcp-evidence.ts";
import { oidcSocketEvidence } from "../../../agent/adapters/evidence/oidc-socket-evidence.ts";
import { oidcUrlEvidence } from "../../../agent/adapters/evidence/oidc-url-evidence.ts";
import type { EvidenceSource } from "../../../agent/ports/evidence.ts";
import type { Platforms } from "./platforms.ts";

const SOURCES = {
  "aws-caller-identity": awsCallerIdentityEvidence,
  "aws-instance-identity": awsInstanceIdentityEvidence,
  "aws-web-identity": awsWebIdentityEvidence,
  azure: azureEvidence,
  gcp: gcpEvidence,
  "oidc-socket": oidcSocketEvidence,
  "oidc-url": oidcUrlEvidence,
} as const;

/** A kind for which a service is asked. */
export type AskedKind = keyof typeof SOURCES;

/** `budgetMs` absent: as in production. */
export function source(kind: AskedKind, { places }: Platforms, budgetMs?: number): EvidenceSource {
  return SOURCES[kind]({ ...places, ...(budgetMs !== undefined && { budgetMs }) });
}
