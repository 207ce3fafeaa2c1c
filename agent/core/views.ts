import type { Instant } from "./instant.ts";
import type { AppliedNetwork, IsolationReport } from "./network/order.ts";
import type { TailnetMembership } from "./tailnet/wish.ts";
import type { OpenedVolume } from "./volume/order.ts";

/** What control knows of each of its neighbours. Each is the value of one cell, replaced whole by the chapter that watches it. */

export interface GatewayView {
  readonly connected: boolean;
  readonly runId: string;
  readonly listening: boolean;
  /** A key that waits for a certificate: the digest of its public key. */
  readonly uncertified?: string;
  readonly servingNotAfterMs?: number;
  readonly applied?: { readonly revision: bigint; readonly epoch: string };
  /** Session id → build id. */
  readonly open: ReadonlyMap<string, string>;
  readonly accepted: number;
  readonly refused: number;
}

/** The certificate for this key is on its way: it is not to be asked for again. */
export function certifying(view: GatewayView, keySpkiSha256: string): GatewayView {
  const { uncertified, ...rest } = view;
  return uncertified === keySpkiSha256 ? rest : view;
}

export const NO_GATEWAY: GatewayView = {
  connected: false,
  runId: "",
  listening: false,
  open: new Map(),
  accepted: 0,
  refused: 0,
};

export interface BuildkitView {
  readonly at: "stopped" | "starting" | "ready" | "not-answering" | "restarting" | "cooling-down";
  readonly version: string;
  readonly restarts: number;
  /** "" while the first process runs, else how the last one ended. */
  readonly lastExit: string;
  /** What was set aside at the last start because a database was damaged, and why; "" if nothing was. */
  readonly quarantined: string;
  readonly message: string;
}

export const NO_BUILDKIT: BuildkitView = {
  at: "stopped",
  version: "",
  restarts: 0,
  lastExit: "",
  quarantined: "",
  message: "Not started yet",
};

/** The cache that BuildKit works on. */
export type CacheView =
  | { readonly at: "waiting" }
  | { readonly at: "opening" }
  | { readonly at: "open"; readonly volume: OpenedVolume }
  | { readonly at: "failed"; readonly because: string }
  | { readonly at: "closed" };

/** The network that builds get. */
export type NetworkView =
  | { readonly at: "waiting" }
  /** As this machine is configured: a loopback and nothing else. */
  | { readonly at: "none" }
  | { readonly at: "applied"; readonly network: AppliedNetwork }
  /** What was in force before still is. */
  | { readonly at: "failed"; readonly because: string };

/** Whether builds are let to the tailnet that this machine is a node of; where they have no network there is nothing to let them through. */
export function isOpenTo(view: NetworkView): boolean {
  return view.at === "none" || (view.at === "applied" && view.network.tailnet === "open");
}

/** Which network BuildKit has to be started for; undefined: it must not be started yet. */
export function networkGeneration(view: NetworkView): string | undefined {
  if (view.at === "none") return "none";
  return view.at === "applied" ? view.network.generation : undefined;
}

/** What a probe inside a build's network found of the guard. */
export type IsolationView =
  | { readonly at: "unverified" }
  | { readonly at: "verified"; readonly report: IsolationReport }
  | { readonly at: "failed"; readonly because: string };

/** This machine as a node of the customer's tailnet. */
export type TailnetView =
  /** Not looked yet at what an earlier process may have left. */
  | { readonly at: "unknown" }
  | { readonly at: "none" }
  | { readonly at: "joining"; readonly grantId: string; readonly progress: string }
  | { readonly at: "joined"; readonly membership: TailnetMembership }
  | { readonly at: "failed"; readonly grantId: string; readonly because: string }
  /** The guard closes first. */
  | { readonly at: "leaving"; readonly because: string };

export interface PlaneView {
  readonly attached: boolean;
  /** When the control plane last confirmed the desired state in force. */
  readonly confirmedAt?: Instant;
  /** Why it is not attached. */
  readonly lastFailure: string;
  /** Our wall clock minus theirs at the last message, latency included. */
  readonly clockSkewMs?: number;
  readonly refused?: { readonly revision: bigint; readonly because: string };
  readonly messagesRefused: number;
}

export const NO_PLANE: PlaneView = { attached: false, lastFailure: "Not attached yet", messagesRefused: 0 };

export interface CertificatesView {
  readonly machineNotAfterMs?: number;
  readonly lastRenewalError: string;
}

/** Grants that count while draining: those of the moment when the drain began. Absent: all. */
export type FrozenBuilds = ReadonlySet<string> | undefined;

/** Session records that wait for the control plane's acknowledgement, and those that a full journal lost. A new object for each change. */
export interface RecordCounts {
  readonly waiting: number;
  readonly dropped: number;
}
