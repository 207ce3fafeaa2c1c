import type { Family } from "./address.ts";
import type { MirrorPlace } from "./mirrors.ts";

/** Where builds may connect to. CIDRs, both families; none: the internet. */
export interface EgressPolicy {
  /** If any is given, only these are open. They never open what is always forbidden. */
  readonly allowedCidrs: readonly string[];
  readonly allowPrivateRanges: boolean;
}

/** The internet is open, private ranges are closed. */
export const DEFAULT_EGRESS: EgressPolicy = { allowedCidrs: [], allowPrivateRanges: false };

/** What control orders of the builds' network, whole each time; the same again changes nothing. */
export interface NetworkOrder {
  /**
   * "open": builds reach the tailnet, by its interface and by its names. Ordered only while this
   * machine is a node of it under a grant.
   */
  readonly tailnet: "closed" | "open";
  /**
   * MagicDNS' search domains while it is open; none: that tailnet has no names, and builds go on
   * asking whom the machine asks.
   */
  readonly searchDomains: readonly string[];
  readonly egress: EgressPolicy;
  /**
   * Registries' mirrors that the control plane names: open to BuildKit itself, not to steps, and
   * only where no policy can forbid it.
   */
  readonly mirrors: readonly MirrorPlace[];
  /**
   * Ranges of others, for instance accepted subnet routes: the builds' own must not overlap them.
   * CIDRs.
   */
  readonly avoid: readonly string[];
  /**
   * Whether the builds' ranges may change now: no build runs. Where they may not, they stay and
   * `collisions` tells.
   */
  readonly mayMove: boolean;
}

/** What is in force. */
export interface AppliedNetwork {
  /** CIDRs that builds have their addresses from. */
  readonly ipv4: string;
  readonly ipv6: string;
  /** Of which there are addresses: of IPv4 alone where this machine's kernel has no IPv6. */
  readonly families: readonly Family[];
  /** Another one: BuildKit has to start anew before builds get what is said here. */
  readonly generation: string;
  readonly tailnet: "closed" | "open";
  /**
   * Who answers the builds' DNS questions while the tailnet is closed: addresses. None: this
   * machine has none that builds can reach.
   */
  readonly resolvers: readonly string[];
  /**
   * Where that machine has none because it asks itself alone (unbound, dnsmasq): addresses on its
   * loopback, where no build gets.
   */
  readonly localResolvers: readonly string[];
  /** CIDRs of `avoid` that the builds' ranges overlap for now. */
  readonly collisions: readonly string[];
  /** Somebody removed or changed the guard's rules; absent: nobody has. */
  readonly guardPutBack?: GuardPutBack;
}

export interface GuardPutBack {
  /** The last time that its rules were in force again; wall clock. */
  readonly atMs: number;
  /** Since the network was made. */
  readonly times: number;
}

/** One thing that was tried from inside a build's network. */
export interface ProbeFinding {
  /**
   * For a person, and stable: "instance metadata", "this machine's own addresses", "another build",
   * "the tailnet", "names (DNS)".
   */
  readonly what: string;
  /** "169.254.169.254:80", "[fd00:ec2::254]:80". */
  readonly target: string;
  readonly expected: "refused" | "reached";
  /**
   * "silent": nothing came back within the deadline, which is as good as refused and no good as
   * reached.
   */
  readonly got: "refused" | "reached" | "silent" | "unroutable";
  readonly ok: boolean;
  /** What came back, for instance "EHOSTUNREACH". */
  readonly detail: string;
}

/** What a probe inside a build's network found. */
export interface IsolationReport {
  readonly verifiedAtMs: number;
  readonly tookMs: number;
  /** The generation that it was true of. */
  readonly generation: string;
  readonly findings: readonly ProbeFinding[];
}
