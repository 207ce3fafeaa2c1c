import { z } from "zod";
import type { Exchange } from "../control-plane/exchange/exchange.ts";
import { issuerOf, keptTrust, trustOrder } from "../control-plane/exchange/trust.ts";

/** What may be asked about trusted CI jobs: of a sandbox, and of a control plane alone. */
export const ofTrusts = [
  trustOrder.extend({ verb: z.literal("trust-add") }),
  z.object({ verb: z.literal("trust-remove"), trustId: z.string() }),
  z.object({ verb: z.literal("trust-list") }),
  z.object({ verb: z.literal("trust-log") }),
] as const;

export type TrustRequest = z.output<(typeof ofTrusts)[number]>;

const listedTrust = keptTrust.extend({ issuer: z.string() });

export const addedTrust = listedTrust;
export const listedTrusts = z.array(listedTrust);
export type ListedTrust = z.output<typeof listedTrust>;

export const removedTrust = z.object({ trustId: z.string(), revokedBuilds: z.array(z.string()) });

export const exchangeEntries = z.array(
  z.object({
    at: z.string(),
    source: z.string(),
    code: z.string(),
    reason: z.string(),
    trustIds: z.array(z.string()),
    job: z
      .object({
        provider: z.string(),
        organizationId: z.string(),
        projectId: z.string(),
        ref: z.string().exactOptional(),
      })
      .exactOptional(),
  }),
);

export function answerOfTrusts(exchange: Exchange, request: TrustRequest): unknown {
  const listed = (trust: z.output<typeof keptTrust>): ListedTrust => ({ ...trust, issuer: issuerOf(trust.jobs) });
  switch (request.verb) {
    case "trust-add": {
      const { verb: _, ...order } = request;
      return listed(exchange.trusts.add(order));
    }
    case "trust-remove":
      return { trustId: request.trustId, revokedBuilds: exchange.removeTrust(request.trustId) };
    case "trust-list":
      return exchange.trusts.list().map(listed);
    case "trust-log":
      return exchange.log.entries();
    default:
      return request satisfies never;
  }
}
