import { z } from "zod";

const id = z.string().min(1);

/** What a running sandbox can be asked for: one JSON object, on a line of its own. */
export const adminRequest = z.discriminatedUnion("verb", [
  z.object({ verb: z.literal("build-open"), org: id, project: id, ttlMs: z.int().positive() }),
  z.object({ verb: z.literal("build-end"), buildId: id }),
  z.object({ verb: z.literal("build-revoke"), buildId: id }),
  z.object({ verb: z.literal("build-list") }),
  z.object({ verb: z.literal("drain"), reason: z.string(), graceMs: z.int().nonnegative() }),
]);

export type AdminRequest = z.infer<typeof adminRequest>;

/** Its answer, likewise. */
export const adminAnswer = z.union([
  z.object({ ok: z.literal(true), result: z.unknown() }),
  z.object({ ok: z.literal(false), error: z.string() }),
]);

export type AdminAnswer = z.infer<typeof adminAnswer>;

/** What `build-open` gives, and `build open` prints. */
export const openedBuild = z.object({
  buildId: z.string(),
  caFile: z.string(),
  certFile: z.string(),
  keyFile: z.string(),
  serverName: z.string(),
  /** "tcp://127.0.0.1:1234" */
  endpoint: z.string(),
  expiresAt: z.string(),
});

export type OpenedBuildFiles = z.infer<typeof openedBuild>;

/** `appliedMs`: from the order to the agent's word that it is in force everywhere. */
export const closedBuild = z.object({ buildId: z.string(), appliedMs: z.number() });

export const listedBuilds = z.array(
  z.object({ buildId: z.string(), org: z.string(), project: z.string(), expiresAt: z.string() }),
);

export const drained = z.object({ drainedMs: z.number() });
