import type { Addresses } from "./head.ts";

/** The contract that this agent speaks: the package of `proto/`. */
export const CONTRACT = "builder.agent.v1";

/** What the machine is: read once for registration. */
export interface MachineFacts {
  readonly bootId: string;
  readonly hostname: string;
  /** As Go names it: "amd64", "arm64". */
  readonly architecture: string;
  readonly kernel: string;
  readonly os: string;
  readonly cpuCount: number;
  readonly cpuModel: string;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly blockDevices: readonly BlockDevice[];
}

export interface BlockDevice {
  readonly path: string;
  readonly sizeBytes: number;
  readonly model: string;
  readonly serial: string;
}

export interface Versions {
  readonly agent: string;
  readonly node: string;
  readonly buildkit: string;
  readonly contract: string;
}

/** What is read often. */
export interface Resources {
  readonly memoryAvailableBytes: number;
  readonly load1m: number;
  readonly cacheSizeBytes: number;
  readonly cacheFreeBytes: number;
  /**
   * 0 where the file system has no fixed number of them; then none are free, and none are short.
   */
  readonly cacheInodes: number;
  readonly cacheFreeInodes: number;
}

/** This start of this process. */
export interface Boot {
  /** The kernel's: the same for every start of this process within one boot. */
  readonly bootId: string;
  /** Random for each start of this process. */
  readonly runId: string;
  /** When this process began, CLOCK_MONOTONIC. */
  readonly startedMonoMs: number;
  /** What this agent can do on this machine, by the names of the contract. */
  readonly capabilities: readonly string[];
  readonly addresses: Addresses;
  /** Under way: each program is asked for its own. */
  readonly versions: Promise<Versions>;
  /** Under way: the inventory is slow, and only registration needs it. */
  readonly facts: Promise<MachineFacts>;
}
