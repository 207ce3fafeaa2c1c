import { createHash } from "node:crypto";
import type { SpentTokens } from "../nonces/nonces.ts";
import { Refused } from "../refusal.ts";
import type { UnverifiedJwt } from "./compact.ts";
import { LEEWAY_S, type VerifiedJwt } from "./verify-jwt.ts";

/** @throws {Refused} "token-used" */
export async function spendJwt(spent: SpentTokens, { signed }: UnverifiedJwt, verified: VerifiedJwt): Promise<void> {
  const digest = createHash("sha256").update(signed).digest("hex");
  if (!(await spent.spend(digest, verified.expiresAtMs + LEEWAY_S * 1_000)))
    throw new Refused("token-used", "The token has been used before.");
}
