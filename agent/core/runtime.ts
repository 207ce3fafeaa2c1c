import type { Instant } from "./instant.ts";

/** How this process and the gateway's fare as processes. */
export interface RuntimeView {
  /** "v24.21.0": both run on it. */
  readonly nodeVersion: string;
  /** Absent: no window is over yet. */
  readonly control?: LoopDelay;
  /** Absent: the gateway has not told. */
  readonly gateway?: LoopDelay;
  /** Of control's control group; absent where it has no limit. */
  readonly memory?: MemoryUse;
}

/** What cannot be given back, and from where on the kernel ends processes. */
export interface MemoryUse {
  readonly usedBytes: number;
  readonly limitBytes: number;
}

/**
 * How late an event loop runs its timers, of each window of a few seconds: control's longest, the
 * gateway's 99th percentile.
 */
export interface LoopDelay {
  /** Of the last window, to 50 ms. */
  readonly delayMs: number;
  /** It was too late, and that is not long ago. */
  readonly late?: { readonly sinceMs: number; readonly worstMs: number; readonly lastMonoMs: number };
}

/**
 * Control: a probe gives up after a second (Kubernetes' default). The gateway carries every byte of
 * every build, and BuildKit's sessions are pinged every 5 s: a tenth of that, as its alert has it.
 */
export const LATE_MS = { control: 1_000, gateway: 500 } as const;
/** A loop that was late is told of for this long after: it does not come and go. */
const TOLD_FOR_MS = 60_000;
const STEP_MS = 50;

export function delaySeen(before: LoopDelay | undefined, delayMs: number, limitMs: number, now: Instant): LoopDelay {
  const told = { delayMs: Math.round(delayMs / STEP_MS) * STEP_MS };
  const past = before?.late;
  if (delayMs > limitMs) {
    const worstMs = Math.max(past?.worstMs ?? 0, told.delayMs);
    return { ...told, late: { sinceMs: past?.sinceMs ?? now.wallMs, worstMs, lastMonoMs: now.monoMs } };
  }
  return past !== undefined && now.monoMs - past.lastMonoMs < TOLD_FOR_MS ? { ...told, late: past } : told;
}
