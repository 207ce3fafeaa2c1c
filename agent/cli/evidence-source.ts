import { joinTokenEvidence } from "../adapters/evidence/join-token-evidence.ts";
import { oidcTokenEvidence } from "../adapters/evidence/oidc-token-evidence.ts";
import type { EvidenceSource } from "../ports/evidence.ts";
import type { Config } from "./config/config.ts";

/** The adapter for the configured kind of evidence. */
export function evidenceSource({ kind, tokenFile }: Config["identity"]): EvidenceSource {
  switch (kind) {
    case "join-token":
      return joinTokenEvidence({ tokenFile });
    case "oidc-token":
      return oidcTokenEvidence({ tokenFile });
    default:
      return kind satisfies never;
  }
}
