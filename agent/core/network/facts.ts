import type { EgressPolicy, IsolationReport } from "./order.ts";

/** One family of the builds' bridge. */
export interface BridgeRange {
  /** "198.18.224.0/20": what build steps get their addresses from. */
  readonly cidr: string;
  /** The bridge's first address: the steps' way out. */
  readonly gateway: string;
  /** Addresses of the bridge that answer DNS, the gateway first: what resolv.conf may name. */
  readonly services: readonly string[];
}

/** The network of builds as it is in force, and the machine around it: what whoever tries it from inside has to know. */
export interface NetworkFacts {
  readonly generation: string;
  /** The bridge's interface: "builds0". */
  readonly bridge: string;
  readonly ipv4: BridgeRange;
  readonly ipv6: BridgeRange;
  /** As BuildKit has it: a step's network is made from this file by the plugins in this directory. */
  readonly cniConfigFile: string;
  readonly cniBinaryDir: string;
  /** The `nameserver`s of a step's resolv.conf, in its order: some of `services`. At least one. */
  readonly nameservers: readonly string[];
  /** Where those lead while the tailnet is closed. None: builds have no names, and that is no fault. */
  readonly resolvers: readonly string[];
  /** This machine's own addresses, loopback and link-local left out, the bridge's and the tailnet's included. */
  readonly machineAddresses: readonly MachineAddress[];
  /** TCP ports that the agent's own processes listen on somewhere. */
  readonly agentPorts: readonly number[];
  readonly tailnet: "closed" | "open";
  /** What this machine's routes lead into the tailnet, nodes and accepted subnet routes: while it is open, that is open to builds too. CIDRs. */
  readonly tailnetRoutes?: readonly string[];
  readonly egress: EgressPolicy;
  /** What the operator says that every build must reach. */
  readonly probeTarget?: { readonly host: string; readonly port: number };
}

export interface MachineAddress {
  readonly address: string;
  readonly interface: string;
}

/** @throws {AgentError} "isolation.not-verified" (retryable). What was found amiss is in the report. */
export type VerifyIsolation = (facts: NetworkFacts, signal: AbortSignal) => Promise<IsolationReport>;
