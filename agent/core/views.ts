import type { Refusal } from "./authorise.ts";
import type { Instant } from "./instant.ts";
import { formatAddress } from "./network/address.ts";
import { cidr, nth } from "./network/cidr.ts";
import type { AppliedNetwork, IsolationReport } from "./network/order.ts";
import type { PlaneTime } from "./plane-time.ts";
import type { TailnetMembership } from "./tailnet/wish.ts";
import type { OpenedVolume } from "./volume/order.ts";

/**
 * What control knows of each of its neighbours. Each is the value of one cell, replaced whole by
 * the chapter that watches it. What is not known is a case of its own, with nothing in it to
 * misread.
 */

export type GatewayView = GatewayAway | GatewayHere;

/** Its process does not answer. It may carry sessions all the same. */
export interface GatewayAway {
  readonly at: "away";
  /** Of the last that we knew; "" if none was ever there. */
  readonly runId: string;
  readonly beside?: GatewaysBeside;
}

export interface GatewayHere {
  readonly at: "here";
  readonly runId: string;
  readonly listening: boolean;
  /** A key that waits for a certificate: the digest of its public key. */
  readonly uncertified?: string;
  readonly servingNotAfterMs?: number;
  /** The orders that it has in force; absent: it never had any. */
  readonly applied?: { readonly revision: bigint; readonly epoch: string };
  /** Session id → build id. */
  readonly open: ReadonlyMap<string, string>;
  /** Its unit was started as another release has it, and starts anew once nothing is open. */
  readonly isOutdated?: true;
  /** It takes this one's place once it serves. */
  readonly next?: NextGateway;
  readonly beside?: GatewaysBeside;
}

/** A gateway that was started to replace the one that serves. */
export type NextGateway = Pick<GatewayHere, "runId" | "uncertified" | "servingNotAfterMs" | "open">;

/** Gateways that finish what is open through them, and let nobody more in. */
export interface GatewaysBeside {
  readonly runIds: readonly string[];
  /** Session id → build id, as last heard, of all of them. */
  readonly open: ReadonlyMap<string, string>;
  /** False: one of them is out of sight, or control has not looked at every gateway yet. */
  readonly isWhole: boolean;
}

export const NO_GATEWAY: GatewayAway = { at: "away", runId: "" };

/** The certificate for this key is on its way: it is not to be asked for again. */
export function certifying(view: GatewayView, keySpkiSha256: string): GatewayView {
  if (view.at === "away") return view;
  if (view.next?.uncertified === keySpkiSha256) {
    const { uncertified: _, ...next } = view.next;
    return { ...view, next };
  }
  if (view.uncertified !== keySpkiSha256) return view;
  const { uncertified: _, ...rest } = view;
  return rest;
}

/** Whether the gateways say that they have no session. One that is out of sight says nothing. */
export function isIdle(view: GatewayView): boolean {
  return openSessions(view) === 0;
}

/** Sessions that are open; undefined while a gateway is out of sight. */
export function openSessions(view: GatewayView): number | undefined {
  return view.at === "here" && view.beside?.isWhole !== false ? openThrough(view).size : undefined;
}

/** Session id → build id, of every gateway that is there, as last heard. */
export function openThrough(view: GatewayHere): ReadonlyMap<string, string> {
  if (view.next === undefined && view.beside === undefined) return view.open;
  return new Map([...view.open, ...(view.next?.open ?? []), ...(view.beside?.open ?? [])]);
}

/**
 * How many connections the gateway has let in and turned away since its start: what beats, and is
 * no state.
 */
export interface GatewayCounts {
  readonly accepted: number;
  readonly refused: number;
  /**
   * Of the refused: those whose build the control plane may have opened since we last heard from
   * it.
   */
  readonly waiting: number;
}

const MAY_BE_OPEN: readonly Refusal[] = ["no-grant", "no-view", "view-too-old"];

export function gatewayCounts(accepted: number, refused: Readonly<Record<string, number>>): GatewayCounts {
  return {
    accepted,
    refused: Object.values(refused).reduce((sum, count) => sum + count, 0),
    waiting: MAY_BE_OPEN.reduce((sum, reason) => sum + (refused[reason] ?? 0), 0),
  };
}

export interface BuildkitView {
  readonly at:
    | "unknown"
    | "stopped"
    | "starting"
    /** It answers; whether what it fetches passes the guard is being tried. */
    | "proving"
    | "ready"
    | "not-answering"
    | "unguarded"
    | "restarting"
    | "cooling-down";
  readonly version: string;
  readonly restarts: number;
  /** "" while the first process runs, else how the last one ended. */
  readonly lastExit: string;
  /**
   * What was set aside at the last start because a database was damaged, and why; "" if nothing
   * was.
   */
  readonly quarantined: string;
  /** It was started as another release has it, and starts anew once no session is open. */
  readonly isOutdated: boolean;
  readonly message: string;
}

export const NO_BUILDKIT: BuildkitView = {
  at: "unknown",
  version: "",
  restarts: 0,
  lastExit: "",
  quarantined: "",
  isOutdated: false,
  message: "Not looked at yet",
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

/**
 * Whether builds are let to the tailnet that this machine is a node of; where they have no network
 * there is nothing to let them through.
 */
export function isOpenTo(view: NetworkView): boolean {
  return view.at === "none" || (view.at === "applied" && view.network.tailnet === "open");
}

/** Of builds that have no network. */
export const NO_NETWORK_GENERATION = "none, nor for BuildKit";

/** Which network BuildKit has to be started for; undefined: it must not be started yet. */
export function networkGeneration(view: NetworkView): string | undefined {
  if (view.at === "none") return NO_NETWORK_GENERATION;
  return view.at === "applied" ? view.network.generation : undefined;
}

/** This machine's addresses in the builds' network; none where they have none. */
export function gatewaysOf(view: NetworkView): readonly string[] {
  if (view.at !== "applied") return [];
  const { network } = view;
  return network.families.map((family) => formatAddress(nth(cidr(network[family]), 1)));
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
  /** When it last said anything at all, a refusal too, to the second; absent: not in this run. */
  readonly heardAt?: Instant;
  /** How often it says that it speaks; absent: as often as the contract has it. */
  readonly heartbeatMs?: number;
  /**
   * When the oldest of the session records that it has not acknowledged was first sent; absent: it
   * owes no acknowledgement.
   */
  readonly recordsSentAt?: Instant;
  /** While it pauses before the next try to reach it. */
  readonly nextTryAt?: Instant;
  /** Why it is not attached. */
  readonly lastFailure: string;
  /** The last failure was that nothing was heard. */
  readonly isSilent?: boolean;
  /** What its clock said last; absent: it has not said. */
  readonly time?: PlaneTime;
  readonly refused?: { readonly revision: bigint; readonly because: string };
  /** When it last said more than is read at a time, to 10 s; absent: it has not. */
  readonly hastyAt?: Instant;
  readonly messagesRefused: number;
}

export const NO_PLANE: PlaneView = { attached: false, lastFailure: "Not attached yet", messagesRefused: 0 };

export interface CertificatesView {
  readonly machineNotBeforeMs?: number;
  readonly machineNotAfterMs?: number;
  /** When each is to be renewed, by the control plane's clock; absent: there is none. */
  readonly machineRenewAtMs?: number;
  readonly servingRenewAtMs?: number;
  readonly lastRenewalError: string;
  /** Renewals that failed in a row: since when, and when the next is tried, wall clock. */
  readonly failing?: { readonly sinceMs: number; readonly nextTryMs: number };
}

/**
 * Which builds an ending waits for and lets in: those that were open when it began, also where that
 * is learned later.
 */
export type FrozenBuilds =
  /** No ending has begun: all that are granted. */
  | { readonly at: "none" }
  /**
   * An ending has begun before the first desired state: that one will say. Until then nothing is
   * judged over.
   */
  | { readonly at: "until-known" }
  | { readonly at: "these"; readonly builds: ReadonlySet<string> };

/** Whether an ending keeps this granted build out. */
export function isKeptOut(frozen: FrozenBuilds, buildId: string): boolean {
  return frozen.at === "these" && !frozen.builds.has(buildId);
}

/** The same, and whether they can be kept at all. */
export interface RecordsView extends RecordCounts {
  /** Why the disk took none at the last try; absent: it did. */
  readonly notStored?: string;
}

/**
 * Session records that wait for the control plane's acknowledgement, and those that a full journal
 * lost.
 */
export interface RecordCounts {
  readonly waiting: number;
  readonly dropped: number;
}
