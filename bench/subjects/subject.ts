import type { Credentials } from "../load/credentials.ts";

/**
 * Who is measured. "direct" is the far end with a TLS listener of its own and nothing between: the
 * most that the client can show.
 */
export type SubjectName = (typeof SUBJECT_NAMES)[number];

export const SUBJECT_NAMES = [
  ...(["gateway", "unjudged", "node20", "buildkitd"] as const),
  ...(["haproxy", "nginx", "direct"] as const),
] as const;

/** A running endpoint: mutual TLS on one side, a unix socket on the other. */
export interface Subject extends AsyncDisposable {
  readonly name: SubjectName;
  /** host:port. */
  readonly address: string;
  /**
   * Of the one process that does the work; absent where that process is also the far end, so that
   * its usage says nothing.
   */
  readonly proxyPid?: number;
}

/** What a subject needs to start. */
export interface Ground {
  /** An empty directory of its own. */
  readonly dir: string;
  readonly credentials: Credentials;
  /** The unix socket of the far end. */
  readonly socket: string;
  /** Aborted: stop waiting for readiness. */
  readonly signal: AbortSignal;
}

export type StartSubject = (ground: Ground) => Promise<Subject>;

/** A subject that is not ready by then is broken. */
export const START_DEADLINE_MS = 20_000;
