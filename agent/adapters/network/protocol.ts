import { z } from "zod";
import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
import { MIRROR_PLACES_MAX } from "../../core/network/mirrors.ts";
import type { AppliedNetwork, IsolationReport, NetworkOrder } from "../../core/network/order.ts";
import { type Protocol, verb } from "../../wire/protocol.ts";

const words = z.array(z.string().max(256)).max(CONTRACT_LIMITS.allowedCidrs);

const Order: z.ZodType<NetworkOrder> = z.strictObject({
  tailnet: z.enum(["closed", "open"]),
  searchDomains: words,
  egress: z.strictObject({ allowedCidrs: words, allowPrivateRanges: z.boolean() }),
  mirrors: z
    .array(z.strictObject({ address: z.string().max(64), port: z.number().int().min(1).max(65_535) }))
    .max(MIRROR_PLACES_MAX),
  avoid: words,
  mayMove: z.boolean(),
});

export const Applied: z.ZodType<AppliedNetwork> = z.object({
  ipv4: z.string(),
  ipv6: z.string(),
  // An earlier version made both.
  families: z.array(z.enum(["ipv4", "ipv6"])).default(["ipv4", "ipv6"]),
  generation: z.string(),
  tailnet: z.enum(["closed", "open"]),
  resolvers: z.array(z.string()),
  // An earlier version told of none.
  localResolvers: z.array(z.string()).default([]),
  collisions: z.array(z.string()),
  guardPutBack: z.object({ atMs: z.number(), times: z.number() }).exactOptional(),
});

const Finding = z.object({
  what: z.string(),
  target: z.string(),
  expected: z.enum(["refused", "reached"]),
  got: z.enum(["refused", "reached", "silent", "unroutable"]),
  ok: z.boolean(),
  detail: z.string(),
});

const Report: z.ZodType<IsolationReport> = z.object({
  verifiedAtMs: z.number(),
  tookMs: z.number(),
  generation: z.string(),
  findings: z.array(Finding),
});

/**
 * What goes over `network.sock`. A report has some hundred findings of 200 bytes, an order at most
 * twice the contract's limit of ranges, each of up to 50 bytes.
 */
export const NETWORK: Protocol = {
  name: "network",
  answerer: "the builds' network",
  version: 1,
  lineMaxBytes: 2 * 1024 * 1024,
};

const applied = z.object({ is: z.literal("applied"), network: Applied });
const verified = z.object({ is: z.literal("verified"), report: Report });

export const APPLY = verb(NETWORK, "apply", { request: z.strictObject({ order: Order }), answer: applied });

export const VERIFY = verb(NETWORK, "verify", { request: z.strictObject({}), answer: verified, endsWithAsker: true });

/** Both in turn. The order is carried out in any case; its trial ends with its asker. */
export const ESTABLISH = verb(NETWORK, "establish", {
  request: z.strictObject({ order: Order }),
  step: applied,
  answer: verified,
});
