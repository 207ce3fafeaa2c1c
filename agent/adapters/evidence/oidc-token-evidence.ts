import type { EvidenceSource } from "../../ports/evidence.ts";
import { hasShapeOfSignedJwt } from "./signed-jwt.ts";
import { badTokenFile, readToken } from "./token-file.ts";

/**
 * A JWT that the platform keeps fresh in a file. Whether it is genuine, and for the right audience,
 * is the control plane's to say: it knows its issuers. We only see to it that nothing else is sent
 * there.
 */
export function oidcTokenEvidence({ tokenFile }: { readonly tokenFile: string }): EvidenceSource {
  return {
    kind: "oidc-token",
    async gather(_challenge, _key, signal) {
      const jwt = await readToken(tokenFile, signal);
      if (!hasShapeOfSignedJwt(jwt.reveal())) throw badTokenFile(tokenFile, "does not hold a signed JWT");
      return { kind: "oidc-token", jwt };
    },
  };
}
