import type { MemoryUse } from "../core/runtime.ts";

/** This process, as its runtime and the kernel see it. */
export interface OwnRuntime {
  /** "v24.21.0" */
  readonly nodeVersion: string;
  /** How late timers came, the 99th percentile since the call before the last one. */
  eventLoopDelayP99Ms(): number;
  /** To 1 MiB. Undefined: no limit, or nobody tells. Never throws. */
  memory(): Promise<MemoryUse | undefined>;
}
