import { AUTO_MS, autoEvidence } from "../adapters/evidence/auto-evidence.ts";
import { awsCallerIdentityEvidence } from "../adapters/evidence/aws-caller-identity-evidence.ts";
import { awsInstanceIdentityEvidence } from "../adapters/evidence/aws-instance-identity-evidence.ts";
import { awsWebIdentityEvidence } from "../adapters/evidence/aws-web-identity-evidence.ts";
import { azureEvidence } from "../adapters/evidence/azure-evidence.ts";
import { gcpEvidence } from "../adapters/evidence/gcp-evidence.ts";
import { joinTokenEvidence } from "../adapters/evidence/join-token-evidence.ts";
import { nitroTpmEvidence } from "../adapters/evidence/nitro-tpm-evidence.ts";
import { oidcSocketEvidence } from "../adapters/evidence/oidc-socket-evidence.ts";
import { oidcTokenEvidence } from "../adapters/evidence/oidc-token-evidence.ts";
import { oidcUrlEvidence } from "../adapters/evidence/oidc-url-evidence.ts";
import type { EvidenceSource } from "../ports/evidence.ts";
import type { Log } from "../ports/log.ts";
import type { IdentityConfig, Platforms } from "./config/config.ts";

/** The adapter for the configured kind of evidence. */
export function evidenceSource(identity: IdentityConfig, log: Log): EvidenceSource {
  switch (identity.kind) {
    case "auto":
      return autoEvidence({ sources: platformSources(identity, log), log });
    case "aws-caller-identity":
      return awsCallerIdentityEvidence(callerPlaces(identity));
    case "aws-instance-identity":
      return awsInstanceIdentityEvidence(identity);
    case "aws-web-identity":
      return awsWebIdentityEvidence(identity);
    case "azure":
      return azureEvidence({ ...identity, log });
    case "gcp":
      return gcpEvidence(identity);
    case "join-token":
      return joinTokenEvidence(identity);
    case "nitro-tpm":
      return nitroTpmEvidence(identity);
    case "oidc-socket":
      return oidcSocketEvidence(identity);
    case "oidc-token":
      return oidcTokenEvidence(identity);
    case "oidc-url":
      return oidcUrlEvidence(identity);
    default:
      return identity satisfies never;
  }
}

/**
 * The best first. Whether there is a socket is known at once, so that a machine of Fly.io does not
 * wait for those that are silent there. What is bound to no challenge (the instance identity
 * document) or names no machine (the NitroTPM's) is taken only by its own name.
 */
function platformSources(platforms: Platforms, log: Log): readonly EvidenceSource[] {
  const bounded = { ...platforms, budgetMs: AUTO_MS };
  return [
    oidcSocketEvidence(bounded),
    awsWebIdentityEvidence(bounded),
    gcpEvidence(bounded),
    azureEvidence({ ...bounded, log }),
    awsCallerIdentityEvidence(callerPlaces(bounded)),
  ];
}

/**
 * The control plane makes the call, and does not reach this network's VPC endpoint: it is for the
 * region's own STS.
 */
function callerPlaces<P extends Platforms>(places: P): P {
  return { ...places, stsUrl: undefined };
}
