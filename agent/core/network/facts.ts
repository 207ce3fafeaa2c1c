import type { Family } from "./address.ts";
import type { EgressPolicy, IsolationReport } from "./order.ts";

/** One family of the builds' network. */
export interface BuildsRange {
  /** "198.18.224.0/20": what build steps get their addresses from. */
  readonly cidr: string;
  /** The machine's first address there: the steps' way out. */
  readonly gateway: string;
  /** Addresses of the machine that answer DNS, the gateway first: what resolv.conf may name. */
  readonly services: readonly string[];
}

/**
 * The network of builds as it is in force, and the machine around it: what whoever tries it from
 * inside has to know.
 */
export interface NetworkFacts {
  readonly generation: string;
  readonly ipv4: BuildsRange;
  readonly ipv6: BuildsRange;
  /** See `AppliedNetwork`. */
  readonly families: readonly Family[];
  /**
   * As BuildKit has it: a step's network is made from this file by the plugins in this directory.
   */
  readonly cniConfigFile: string;
  readonly cniBinaryDir: string;
  /** The `nameserver`s of a step's resolv.conf, in its order: some of `services`. At least one. */
  readonly nameservers: readonly string[];
  /**
   * Where those lead while the tailnet is closed. None, nor local ones: builds have no names, and
   * that is no fault.
   */
  readonly resolvers: readonly string[];
  /** See `AppliedNetwork`. */
  readonly localResolvers: readonly string[];
  /**
   * This machine's own addresses, loopback and link-local left out, `builds0`'s and the tailnet's
   * included.
   */
  readonly machineAddresses: readonly MachineAddress[];
  /** TCP ports that the agent's own processes listen on somewhere. */
  readonly agentPorts: readonly number[];
  readonly tailnet: "closed" | "open";
  /**
   * What this machine's routes lead into the tailnet, nodes and accepted subnet routes: while it is
   * open, that is open to builds too. CIDRs.
   */
  readonly tailnetRoutes?: readonly string[];
  readonly egress: EgressPolicy;
  /** The operator's own NAT64 prefix, as it is configured. */
  readonly nat64Prefix?: string;
  /** BuildKit itself: where it is asked, and its own addresses there. */
  readonly buildkit: { readonly socketPath: string; readonly addresses: readonly string[] };
  /** What the operator says that every build must reach. */
  readonly probeTarget?: { readonly host: string; readonly port: number };
}

export interface MachineAddress {
  readonly address: string;
  readonly interface: string;
}

/**
 * @throws {AgentError} "isolation.not-verified" (retryable). What was found amiss is in the report.
 */
export type VerifyIsolation = (facts: NetworkFacts, signal: AbortSignal) => Promise<IsolationReport>;
