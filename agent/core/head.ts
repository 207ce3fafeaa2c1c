import type { Instant } from "./instant.ts";
import type { Boot, Versions } from "./machine.ts";

/**
 * The head of each view: which machine this is, since when it runs, and what talks to whom. What is
 * absent is not known yet.
 */
export interface Head {
  /** The control plane's name for it. */
  readonly machineId?: string;
  readonly assignment?: { readonly orgId: string; readonly projectId: string; readonly architecture: string };
  readonly versions?: Versions;
  readonly run?: Run;
}

/** Times are Unix milliseconds by the wall clock as it is now: one that is set moves them. */
export interface Run {
  readonly bootId: string;
  readonly runId: string;
  readonly bootedAtMs: number;
  /** This process. */
  readonly startedAtMs: number;
  readonly addresses: Addresses;
}

/** Each `host:port`. */
export interface Addresses {
  readonly controlPlane: string;
  /** Where the gateway listens for builds. */
  readonly gateway: string;
  /** Where this process tells of itself. */
  readonly health: string;
}

type Begun = Pick<Boot, "bootId" | "runId" | "startedMonoMs" | "addresses">;

/** The monotonic clock counts from the machine's start. */
export function runOf({ bootId, runId, startedMonoMs, addresses }: Begun, now: Instant): Run {
  const bootedAtMs = Math.round(now.wallMs - now.monoMs);
  return { bootId, runId, bootedAtMs, startedAtMs: Math.round(bootedAtMs + startedMonoMs), addresses };
}
