import type { HistoryOrder } from "../core/build-history.ts";
import type { PruneOrder } from "../core/disk-relief.ts";
import type { AgentError } from "../core/errors.ts";
import type { ProbeFinding } from "../core/network/order.ts";
import type { StepOutcome } from "../core/step-trial.ts";

/**
 * The unit that runs buildkitd: asked for by fixed verbs of the service manager, never a child of
 * ours.
 */
export interface BuildkitUnit {
  /**
   * Puts the configuration where the unit reads it, after a dry run. @throws {AgentError}
   * "buildkit.config-refused", with buildkitd's words.
   */
  configure(toml: string, signal: AbortSignal): Promise<void>;
  /** Starts it; harmless if it runs. */
  start(signal: AbortSignal): Promise<void>;
  /**
   * Asks it to stop and waits; after `graceMs` it is killed. Ends a start that is under way.
   * Resolves when it is gone.
   */
  stop(graceMs: number, signal: AbortSignal): Promise<void>;
  /** The present status at once, then each change; ends with `signal`. */
  statuses(signal: AbortSignal): AsyncIterable<UnitStatus>;
}

export type UnitStatus =
  | { readonly at: "stopped" }
  | { readonly at: "running"; readonly pid: number }
  | { readonly at: "exited"; readonly exit: UnitExit };

export interface UnitExit {
  readonly code?: number;
  readonly signal?: string;
  /** The last lines that it wrote to stderr, at most 20. */
  readonly lastLines: readonly string[];
  /** By how much the kernel's count of out-of-memory kills rose while it ran; absent: not known. */
  readonly oomKills?: number;
}

/** BuildKit itself, over its unix socket. */
export interface BuildkitProbe {
  /**
   * @throws {AgentError} "buildkit.no-answer" (retryable) if it does not answer `ListWorkers`
   * within 5 s or has no worker.
   */
  listWorkers(signal: AbortSignal): Promise<{
    readonly workers: number;
    readonly platforms: readonly string[];
    readonly version: string;
  }>;
  /**
   * What BuildKit itself gets to, when asked to fetch it, of what no policy opens: none, where all
   * is well. `gateways`: the addresses of this machine in the builds' network.
   * @throws {AgentError} "isolation.not-verified" (retryable) if that could not be tried.
   */
  reaches(gateways: readonly string[], signal: AbortSignal): Promise<readonly ProbeFinding[]>;
}

/** Has BuildKit work, over its unix socket. */
export interface BuildkitTrial {
  /**
   * Has it write a layer and run a step on it that writes another, in a network like each step's,
   * and takes both out of the cache. Resolves also when it fails, then with BuildKit's words in
   * `err`; what takes longer than `limitMs`, or `signal`, is cancelled. Rejects with `signal` only.
   */
  tryStep(limitMs: number, signal: AbortSignal): Promise<{ readonly outcome: StepOutcome; readonly err?: AgentError }>;
}

/** What BuildKit keeps, over its unix socket. */
export interface BuildkitCache {
  /**
   * Deletes what was used least lately until so much is free on the cache's disk; what a running
   * build uses stays.
   * @throws {AgentError} "buildkit.disk-full" if it has not even the space to delete (it has to be
   * started anew), "buildkit.no-answer" if it fails otherwise or takes longer than 5 min; both
   * retryable.
   */
  prune(order: PruneOrder, signal: AbortSignal): Promise<Pruned>;
  /**
   * Deletes BuildKit's copies of what clients have sent, but for those in use: the next build of
   * each sends all of it again. @throws {AgentError} as `prune`.
   */
  forgetTransfers(signal: AbortSignal): Promise<Pruned>;
  /**
   * Deletes records of builds that have ended, the oldest first, and frees what they hold, which no
   * pruning does. A round: a thousand of them, or a minute. `records`: how many are gone. @throws
   * {AgentError} as `prune`.
   */
  deleteHistory(order: HistoryOrder, signal: AbortSignal): Promise<{ readonly records: number }>;
}

export interface Pruned {
  readonly records: number;
  readonly freedBytes: number;
}

/** What buildkitd reads once, when it starts. */
export type StartInputs = Pick<Preparation, "configuration" | "network">;

/** What was done before buildkitd's last start, and what was found then: `prepared.json`. */
export interface Preparation {
  readonly schemaVersion: 1;
  readonly preparedAtMs: number;
  readonly tookMs: number;
  readonly lastEnd: "first" | "clean" | "unclean";
  /** The configuration that this start had; absent where an older release started it. */
  readonly configuration?: string;
  /**
   * The generation of the builds' network that it had, "none" where they have none; absent as
   * above.
   */
  readonly network?: string;
  /** Empty where the last end was clean. */
  readonly checked: readonly {
    /** Under BuildKit's root. */
    readonly database: string;
    readonly sizeBytes: number;
    readonly state: "sound" | "missing" | "damaged" | "unchecked";
    readonly because?: string;
    readonly tookMs: number;
  }[];
  readonly quarantined?: { readonly path: string; readonly what: "databases" | "cache"; readonly because: string };
}
