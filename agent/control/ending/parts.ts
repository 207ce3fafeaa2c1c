import { type Ending, endingOf } from "../../core/end-orders.ts";
import type { EndingStep } from "../../core/ending-progress.ts";
import type { BuildkitUnit } from "../../ports/buildkit.ts";
import type { CacheVolume, PlainCache } from "../../ports/cache-volume.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Gateway } from "../../ports/gateway.ts";
import type { Log } from "../../ports/log.ts";
import type { OwnUnit } from "../../ports/own-unit.ts";
import type { Board } from "../board/board.ts";

export interface EndingPorts {
  readonly gateway: Gateway;
  readonly unit: BuildkitUnit;
  readonly cacheVolume: CacheVolume | undefined;
  readonly plainCache: PlainCache;
  readonly ownUnit: OwnUnit;
  readonly clock: Clock;
  readonly log: Log;
}

export type EndingCells = Pick<
  Board,
  | "endOrders"
  | "identity"
  | "desired"
  | "gateway"
  | "phase"
  | "cache"
  | "tailnet"
  | "debugTerminals"
  | "terminalsEnd"
  | "recordingsWaiting"
  | "frozen"
  | "endingAt"
  | "endingSteps"
  | "retryNow"
  | "tryFailed"
  | "records"
  | "plane"
  | "reported"
>;

export interface EndingLimits {
  /** For open builds, when the stop comes from the machine. */
  readonly graceMs: number;
  /** For buildkitd, after its last session. */
  readonly buildkitGraceMs: number;
}

export interface Step {
  readonly name: EndingStep;
  /**
   * How long it may take, and how long once somebody loses patience. It is told by its signal; none
   * is skipped.
   */
  readonly limitMs: number;
  readonly hurriedMs: number;
  run(signal: AbortSignal): Promise<unknown>;
}

/**
 * A step that overran is waited for this much longer: by then whatever it started has been killed.
 */
export const AFTERMATH_MS = 10_000;

/** An ending is never cancelled, only shortened. */
export const NEVER = new AbortController().signal;

/** What all orders come to now. */
export function ending({ endOrders }: Pick<EndingCells, "endOrders">): Ending {
  const now = endingOf(endOrders.get());
  if (now === undefined) throw new Error("An ending began without an order");
  return now;
}
