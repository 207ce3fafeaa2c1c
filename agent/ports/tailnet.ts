import type { Secret } from "../core/secret.ts";
import type { TailnetCredential, TailnetMembership } from "../core/tailnet/wish.ts";

export interface TailnetJoin {
  readonly grantId: string;
  readonly authKey: Secret;
  /** Absent: Tailscale's own. */
  readonly coordinationUrl?: string;
  readonly hostname: string;
  /** The node must have all of them, or it leaves again. */
  readonly tags: readonly string[];
}

/**
 * The daemon that makes this machine a node, and what it says of itself. Secrets are held in memory
 * only.
 */
export interface TailnetNode {
  /**
   * Starts the daemon if need be and joins, subnet routes not accepted, ShieldsUp. Resolves once
   * the node is running with its tags. `onProgress`: a few words for a person, each time it gets
   * further.
   * @throws {AgentError} "tailnet.key-refused" (not retryable: invalid, expired or used; with the
   * server's own words), "tailnet.needs-approval", "tailnet.tags-missing" (not retryable),
   * "tailnet.coordination-unreachable", "tailnet.daemon-failed" (retryable). After any of these the
   * daemon does not try on; nor after the signal is aborted.
   */
  join(order: TailnetJoin, onProgress: (words: string) => void, signal: AbortSignal): Promise<TailnetMembership>;
  /**
   * What an earlier process of ours left running, or a daemon that was killed left of its state: it
   * goes on as the same node. Undefined: there is nothing that can be a node again. @throws
   * {AgentError} "tailnet.daemon-failed", "tailnet.coordination-unreachable" (retryable)
   */
  recall(signal: AbortSignal): Promise<TailnetMembership | undefined>;
  /** Takes or leaves subnet routes. @throws {AgentError} "tailnet.daemon-failed" */
  acceptRoutes(accept: boolean, signal: AbortSignal): Promise<void>;
  /**
   * The membership at once and after each change (routes, addresses); ends with `signal`, and when
   * it is over.
   * @throws {AgentError} with the reason if it ended by itself: "tailnet.daemon-failed" (it is
   * gone), "tailnet.logged-out" (removed from the tailnet, or expired).
   */
  watch(signal: AbortSignal): AsyncIterable<TailnetMembership>;
  /**
   * Logs out (bounded: `loggedOut` tells whether the server heard of it), stops the daemon, removes
   * what it left of interfaces, routes and rules. Harmless if there is none. `nodeId`: of the node
   * that it was, if it was one; also of one whose daemon was killed.
   */
  leave(signal: AbortSignal): Promise<{ readonly loggedOut: boolean; readonly nodeId?: string }>;
}

/**
 * The tailnet's API, for what only its owner's credentials can do. Each call has a deadline of its
 * own.
 */
export interface TailnetApi {
  /**
   * A key that is single-use, ephemeral, preauthorised, tagged, and good for 5 minutes at most. An
   * auth key is given back as it is.
   * @throws {AgentError} "tailnet.wrong-secret", "tailnet.tag-not-permitted",
   * "tailnet.not-permitted" (not retryable), "tailnet.api-unreachable", "tailnet.api-failed"
   * (retryable).
   */
  mintKey(
    order: ApiOrder & { readonly tags: readonly string[]; readonly description: string },
    signal: AbortSignal,
  ): Promise<Secret>;
  /**
   * Harmless if it is not listed any more. With an auth key nobody may: "not-permitted". @throws
   * {AgentError} as above.
   */
  removeDevice(
    order: ApiOrder & { readonly nodeId: string },
    signal: AbortSignal,
  ): Promise<"removed" | "not-listed" | "not-permitted">;
}

export interface ApiOrder {
  readonly credential: TailnetCredential;
  /** Absent: Tailscale's own. */
  readonly apiUrl?: string;
}
