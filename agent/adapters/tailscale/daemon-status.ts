import { z } from "zod";
import { daemonFailed } from "./local-request.ts";

/**
 * What tailscaled says of itself and its peers: `ipnstate.Status`. Its form is not promised, so
 * nothing in it is taken for granted.
 */
export interface DaemonStatus {
  readonly state: DaemonState;
  /** It is a node of some tailnet, or was one and could go on as the same. */
  readonly hasNodeKey: boolean;
  /** Of this node; "" until the coordination server has told. */
  readonly nodeId: string;
  /** Without the last dot. */
  readonly name: string;
  readonly addresses: readonly string[];
  readonly tags: readonly string[];
  /** "" where the tailnet has no MagicDNS. */
  readonly magicDnsSuffix: string;
  /** CIDRs beyond the peers' own addresses, without those of exit nodes. */
  readonly offeredRoutes: readonly string[];
}

/** `ipn.State`, in its own order: on the bus it comes as a number. */
export const DAEMON_STATES = [
  "NoState",
  "InUseOtherUser",
  "NeedsLogin",
  "NeedsMachineAuth",
  "Stopped",
  "Starting",
  "Running",
] as const;

export type DaemonState = (typeof DAEMON_STATES)[number];

const text = z.string().catch("");
const texts = z.array(z.string()).catch([]);
const Peer = z.object({ ID: text, DNSName: text, TailscaleIPs: texts, Tags: texts, AllowedIPs: texts });
const Status = z.object({
  BackendState: z.enum(DAEMON_STATES).catch("NoState"),
  HaveNodeKey: z.boolean().catch(false),
  Self: Peer.nullable().catch(null),
  CurrentTailnet: z
    .object({ MagicDNSSuffix: text, MagicDNSEnabled: z.boolean().catch(false) })
    .nullable()
    .catch(null),
  Peer: z.record(z.string(), Peer.nullable().catch(null)).catch({}),
});

/** @throws {AgentError} "tailnet.daemon-failed" (retryable) if it is not JSON, or not an object. */
export function readStatus(json: string): DaemonStatus {
  const { BackendState, HaveNodeKey, Self, CurrentTailnet, Peer: peers } = statusIn(json);
  const offered = Object.values(peers).flatMap((peer) => (peer === null ? [] : routesOf(peer)));
  return {
    state: BackendState,
    hasNodeKey: HaveNodeKey,
    nodeId: Self?.ID ?? "",
    name: withoutDot(Self?.DNSName ?? ""),
    addresses: Self?.TailscaleIPs ?? [],
    tags: Self?.Tags ?? [],
    magicDnsSuffix: CurrentTailnet?.MagicDNSEnabled === true ? withoutDot(CurrentTailnet.MagicDNSSuffix) : "",
    offeredRoutes: [...new Set(offered)].toSorted(),
  };
}

/**
 * What its preferences say of others' routes.
 * @throws {AgentError} "tailnet.daemon-failed" (retryable) if they are not JSON.
 */
export function readAcceptsRoutes(json: string): boolean {
  try {
    const prefs: unknown = JSON.parse(json);
    return typeof prefs === "object" && prefs !== null && "RouteAll" in prefs && prefs.RouteAll === true;
  } catch (cause) {
    throw daemonFailed("tailscaled answered with something that is no preferences of it", cause);
  }
}

function statusIn(json: string): z.output<typeof Status> {
  try {
    return Status.parse(JSON.parse(json));
  } catch (cause) {
    throw daemonFailed("tailscaled answered with something that is no status of it", cause);
  }
}

/**
 * What a peer is allowed to route is its own addresses, as single hosts, and what it offers. An
 * exit node's routes are taken only by who chooses it.
 */
function routesOf({ AllowedIPs, TailscaleIPs }: z.output<typeof Peer>): readonly string[] {
  const own = new Set(TailscaleIPs.flatMap((address) => [`${address}/32`, `${address}/128`]));
  return AllowedIPs.filter((route) => !own.has(route) && !route.endsWith("/0"));
}

function withoutDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
