import { AgentError } from "../core/errors.ts";

/**
 * How a process ends, by the names and numbers of sysexits(3), which service managers and scripts
 * know.
 */
export const EXIT = {
  ok: 0,
  /** `status`: not ready. `reconnect`: not attached. `doctor`: something is wrong. */
  notReady: 1,
  /** `drain`: the agent has ended, and not all of its ending was done. */
  notDrained: 1,
  /** EX_USAGE: the command line is wrong. */
  usage: 64,
  /** EX_DATAERR: the device or the order of the cache volume is not what it must be. */
  data: 65,
  /** EX_UNAVAILABLE: what was asked does not answer. */
  unavailable: 69,
  /** EX_SOFTWARE: a defect of ours. */
  software: 70,
  /** EX_CANTCREAT: what was to be written cannot be, there. */
  cannotWrite: 73,
  /** EX_TEMPFAIL: it goes on, and its outcome is not known yet. */
  later: 75,
  /**
   * EX_NOPERM: the control plane refuses this machine, and starting again does not help; or whoever
   * asks may not.
   */
  refused: 77,
  /** EX_CONFIG */
  config: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export function exitCodeOf(failure: unknown): ExitCode {
  if (!(failure instanceof AgentError)) return EXIT.software;
  if (failure.code.startsWith("config.")) return EXIT.config;
  if (failure.code === "bundle.cannot-write") return EXIT.cannotWrite;
  if (failure.code === "operators.forbidden") return EXIT.refused;
  if (failure.code.startsWith("cache.") && !failure.retryable) return EXIT.data;
  return failure.retryable ? EXIT.unavailable : EXIT.software;
}
