import { createHmac } from "node:crypto";
import type { EvidenceSource } from "../../ports/evidence.ts";
import { readToken } from "./token-file.ts";

/** Contract, `JoinToken.binding`. */
const CONTEXT = "builder-agent join v1";

/** A token that is good for one registration, bound to the challenge and to the machine's key. */
export function joinTokenEvidence({ tokenFile }: { readonly tokenFile: string }): EvidenceSource {
  return {
    kind: "join-token",
    async gather({ nonce }, { spkiSha256 }, signal) {
      const token = await readToken(tokenFile, signal);
      const binding = createHmac("sha256", token.reveal())
        .update(CONTEXT)
        .update(Uint8Array.of(0))
        .update(nonce)
        .update(spkiSha256, "hex")
        .digest();
      return { kind: "join-token", token, binding };
    },
  };
}
