import { z } from "zod";

/** What `/status` tells (core/status-report.ts), as far as this command reads it. */
export const StatusAnswer = z.object({
  ready: z.boolean(),
  notReadyBecause: z.array(z.string()).readonly(),
  phase: z.object({ at: z.string(), deadlineWallMs: z.number().optional() }),
  appliedRevision: z.string(),
  /** Open sessions by build. */
  builds: z.record(z.string(), z.number()),
  checks: z
    .array(
      z.object({
        name: z.string(),
        ok: z.boolean(),
        blocking: z.boolean(),
        message: z.string(),
        sinceMs: z.number(),
      }),
    )
    .readonly(),
  resources: z.object({ cacheSizeBytes: z.number(), cacheFreeBytes: z.number() }).optional(),
  cache: z
    .object({
      encrypted: z.boolean(),
      volumeId: z.string(),
      device: z.string(),
      filesystem: z.string(),
      formatted: z.boolean(),
    })
    .optional(),
  tailnet: z
    .object({ state: z.string(), reason: z.string(), name: z.string(), addresses: z.array(z.string()).readonly() })
    .optional(),
  bootChapters: z.array(z.object({ name: z.string(), tookMs: z.number() })).readonly(),
  buildkit: z.object({ version: z.string(), restarts: z.number(), lastExit: z.string() }),
  certificates: z.object({
    machineNotAfterMs: z.number().optional(),
    servingNotAfterMs: z.number().optional(),
    lastRenewalError: z.string(),
  }),
  counters: z.object({ sessionsAccepted: z.number(), sessionsRefused: z.number() }),
});

/** The same with all that it tells, as it came. */
export const WholeAnswer = z.record(z.string(), z.unknown());

export type StatusAnswer = z.output<typeof StatusAnswer>;
