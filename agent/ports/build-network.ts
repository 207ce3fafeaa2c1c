import type { AppliedNetwork, IsolationReport, NetworkOrder } from "../core/network/order.ts";

/**
 * The network that every build step gets, and the guard around it. Whoever carries this out is
 * root.
 */
export interface BuildNetwork {
  /**
   * Makes the machine's own link and puts the guard in force, at once and whole: there is no moment
   * without one. The same order again changes nothing.
   * @throws {AgentError} "network.refused" (not retryable) for an order that cannot be, for
   * instance a CIDR that is none; "network.failed", "network.unreachable" (retryable).
   */
  apply(order: NetworkOrder, signal: AbortSignal): Promise<AppliedNetwork>;
  /**
   * Tries, from inside a network like that of a build step, what must be refused and what must be
   * reached.
   * @throws {AgentError} "isolation.not-verified" (retryable) if it could not be tried; what was
   * found amiss is in the report, not an error.
   */
  verify(signal: AbortSignal): Promise<IsolationReport>;
}

/** One that somebody else puts right when the machine around it changes. */
export interface WatchedNetwork extends BuildNetwork {
  /**
   * The network in force at once, then each time that it has become another: by an order of ours,
   * or because somebody put it right. Ends with `signal`, and only then.
   */
  changes(signal: AbortSignal): AsyncIterable<AppliedNetwork>;
}
