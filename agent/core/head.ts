import { VIEW_MAX_AGE_MS } from "./allow-set.ts";
import { ageMs, type Instant } from "./instant.ts";
import type { Boot, Versions } from "./machine.ts";
import type { PlaneView } from "./views.ts";

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
  readonly contact?: Contact;
}

/** How it stands with the control plane. Times are Unix milliseconds. */
export interface Contact {
  readonly attached: boolean;
  /** Its last word of any kind. */
  readonly lastHeardAtMs?: number;
  /** While the agent pauses before the next try. */
  readonly nextTryAtMs?: number;
  /** From then on new builds are refused, unless it confirms what it wants before. */
  readonly admitsUntilMs?: number;
  /** Why it is not attached. */
  readonly lastFailure: string;
}

/** As of now: by whichever clock says that more time has passed. */
export function contactOf(
  { attached, heardAt, nextTryAt, confirmedAt, lastFailure }: PlaneView,
  now: Instant,
): Contact {
  const agoMs = (then: Instant): number => Math.round(now.wallMs - ageMs(then, now));
  return {
    attached,
    ...(heardAt && { lastHeardAtMs: agoMs(heardAt) }),
    ...(nextTryAt && { nextTryAtMs: Math.round(nextTryAt.wallMs) }),
    ...(confirmedAt && { admitsUntilMs: agoMs(confirmedAt) + VIEW_MAX_AGE_MS }),
    lastFailure,
  };
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

/** What a start of this process knows of itself at once. */
export type Begun = Pick<Boot, "bootId" | "runId" | "startedMonoMs" | "addresses">;

/** The monotonic clock counts from the machine's start. */
export function runOf({ bootId, runId, startedMonoMs, addresses }: Begun, now: Instant): Run {
  const bootedAtMs = Math.round(now.wallMs - now.monoMs);
  return { bootId, runId, bootedAtMs, startedAtMs: Math.round(bootedAtMs + startedMonoMs), addresses };
}
