import type { EvidenceSource } from "../../ports/evidence.ts";
import { audiencesOf } from "./jwt-audiences.ts";
import { noEvidence, readToken } from "./token-file.ts";

/** A JWT that the platform keeps fresh in a file. Whether it is genuine is the control plane's to say; we only see to it that it is the right kind. */
export function oidcTokenEvidence({ tokenFile }: { readonly tokenFile: string }): EvidenceSource {
  return {
    kind: "oidc-token",
    async gather({ audience }, _keySpkiSha256, signal) {
      const jwt = await readToken(tokenFile, signal);
      const audiences = audiencesOf(jwt.reveal());
      if (audiences === undefined) throw noEvidence(tokenFile, "does not hold a signed JWT");
      if (audience !== "" && !audiences.includes(audience)) {
        const issuedFor = audiences.length === 0 ? "nobody" : audiences.map((one) => `"${one}"`).join(", ");
        throw noEvidence(tokenFile, `holds a token for ${issuedFor}; the control plane wants one for "${audience}"`);
      }
      return { kind: "oidc-token", jwt };
    },
  };
}
