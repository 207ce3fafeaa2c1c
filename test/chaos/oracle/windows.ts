import type { BuildRun, FaultRun } from "../timeline.ts";

/** What no recovery may take longer. */
export const RECOVERED_MS = 60_000;

export interface Window {
  readonly fault: FaultRun;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * When each fault may have been felt: until the first build is right that was ordered after its
 * end, and no longer than any recovery may take.
 */
export function windowsOf(
  faults: readonly FaultRun[],
  builds: readonly BuildRun[],
  recoveredMs = RECOVERED_MS,
): readonly Window[] {
  return faults.map((fault) => {
    const proofs = builds
      .filter(({ outcome, orderedMs }) => outcome.is === "right" && orderedMs >= fault.mendedMs)
      .map(({ endedMs }) => endedMs);
    return { fault, fromMs: fault.beganMs, toMs: Math.min(fault.mendedMs + recoveredMs, ...proofs) };
  });
}
