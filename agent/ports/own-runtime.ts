import type { MemoryUse } from "../core/runtime.ts";

/** This process, as its runtime and the kernel see it. */
export interface OwnRuntime {
  /** "v24.21.0" */
  readonly nodeVersion: string;
  /** How late a timer came, at worst since the call before; sampled once a second. */
  eventLoopDelayMs(): number;
  /** To 1 MiB. Undefined: no limit, or nobody tells. Never throws. */
  memory(): Promise<MemoryUse | undefined>;
}
