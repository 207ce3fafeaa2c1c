import { z } from "zod";

/** What `/status` tells, as far as this command reads it; what else it tells is kept as it came. Times are Unix milliseconds. */
export const StatusReport = z.looseObject({
  observedAtMs: z.number(),
  phase: z.object({
    at: z.string(),
    reason: z.string().optional(),
    deadlineWallMs: z.number().optional(),
  }),
  appliedRevision: z.string(),
  /** Open sessions by build. */
  builds: z.record(z.string(), z.number()),
  checks: z.array(
    z.object({
      name: z.string(),
      ok: z.boolean(),
      blocking: z.boolean(),
      message: z.string(),
      sinceMs: z.number(),
    }),
  ),
  resources: z.object({ cacheSizeBytes: z.number(), cacheFreeBytes: z.number() }).optional(),
  buildkit: z.object({ version: z.string(), restarts: z.number(), lastExit: z.string() }),
  certificates: z.object({
    machineNotAfterMs: z.number().optional(),
    servingNotAfterMs: z.number().optional(),
    lastRenewalError: z.string(),
  }),
  counters: z.object({ sessionsAccepted: z.number(), sessionsRefused: z.number() }),
});

export type StatusReport = z.output<typeof StatusReport>;

/** Ready as `/readyz` means it: builds are let in. */
export function isReady(report: StatusReport): boolean {
  return report.phase.at === "ready" && report.checks.every((check) => check.ok || !check.blocking);
}
