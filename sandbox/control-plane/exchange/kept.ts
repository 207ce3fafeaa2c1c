import { z } from "zod";
import { BUILD_PERMISSIONS } from "../build-permissions.ts";
import { keptTrust } from "./trust.ts";

const keptAccessToken = z.object({
  /** Lower-case hex, of the token. */
  sha256: z.string(),
  expiresAtMs: z.int(),
  grants: z.array(z.object({ trustId: z.string(), scopes: z.array(z.enum(BUILD_PERMISSIONS)) })),
  /** Ids of those that it opened. */
  builds: z.array(z.string()),
});

/** All that is kept of the exchange. */
export const keptExchange = z.object({
  trusts: z.array(keptTrust),
  accessTokens: z.array(keptAccessToken),
  /** Jobs' tokens that were used: SHA-256 of what is signed, and when they expire anyway. */
  spent: z.array(z.object({ sha256: z.string(), untilMs: z.int() })),
});

export type KeptExchange = z.output<typeof keptExchange>;
export type AccessToken = z.output<typeof keptAccessToken>;

export const NOTHING_KEPT: KeptExchange = { trusts: [], accessTokens: [], spent: [] };
