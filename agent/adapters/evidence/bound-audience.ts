import type { Challenge } from "../../ports/control-plane.ts";
import type { MachineKey } from "../../ports/evidence.ts";

/**
 * Contract, `GetChallengeResponse.audience`: binds a token for an audience of our choice to nonce
 * and key. It is never logged.
 */
export function boundAudience({ audience, nonce }: Challenge, { spkiSha256 }: MachineKey): string {
  return `${audience}#n=${Buffer.from(nonce).toString("base64url")}&k=${spkiSha256}`;
}
