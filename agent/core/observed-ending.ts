import { type EndOrder, endingOf } from "./end-orders.ts";
import type { EndingAt, EndingStep } from "./ending-progress.ts";
import type { Instant } from "./instant.ts";

/** A part of the ending that is over; "draining" is the wait for open builds. */
export interface TakenStep {
  readonly name: "draining" | EndingStep;
  /** "given-up": its time was over before it was. */
  readonly ended: "done" | "failed" | "given-up";
  readonly tookMs: number;
}

/** An ending as the control plane and people are told of it. */
export interface ObservedEnding {
  readonly at: EndingAt;
  /** When open builds are cut, wall clock. */
  readonly deadlineMs: number;
  /** Whose order has that deadline. */
  readonly deadlineOf: EndOrder["from"];
  /** In the order of their coming. */
  readonly orders: readonly ObservedOrder[];
  readonly steps: readonly TakenStep[];
}

interface ObservedOrder {
  readonly from: EndOrder["from"];
  readonly reason: string;
  /** Wall clock. */
  readonly deadlineMs: number;
}

/** Deadlines are told anew where the wall clock was set by more than this. */
const STEP_OF_CLOCK_MS = 1_000;

/**
 * Undefined: nobody ordered an end. Deadlines are kept on the monotonic clock, and told by the wall
 * clock of `now`; what was told of one `before` is told again as long as it is still right.
 */
export function observedEnding(
  orders: readonly EndOrder[],
  at: EndingAt,
  steps: readonly TakenStep[],
  now: Instant,
  before: ObservedEnding | undefined,
): ObservedEnding | undefined {
  const ending = endingOf(orders);
  if (ending === undefined) return undefined;
  const told = orders.map(({ from, reason, deadlineMonoMs }) => {
    const deadlineMs = Math.round(now.wallMs + deadlineMonoMs - now.monoMs);
    const last = before?.orders.find((order) => order.from === from)?.deadlineMs ?? deadlineMs;
    return { from, reason, deadlineMs: Math.abs(last - deadlineMs) < STEP_OF_CLOCK_MS ? last : deadlineMs };
  });
  const index = orders.findIndex(({ deadlineMonoMs }) => deadlineMonoMs === ending.deadlineMonoMs);
  const nearest = told[index] ?? told[0];
  if (nearest === undefined) return undefined;
  return { at, deadlineMs: nearest.deadlineMs, deadlineOf: nearest.from, orders: told, steps };
}

/**
 * Why a machine that has ended is not to be called drained, a sentence each; none: it is drained.
 *
 * @param recordsWaiting Session records that the control plane has not acknowledged; undefined: not
 *   known.
 */
export function leftUndone(steps: readonly TakenStep[], recordsWaiting: number | undefined): readonly string[] {
  const isDone = (name: TakenStep["name"]): boolean =>
    steps.some((step) => step.name === name && step.ended === "done");
  const records =
    recordsWaiting === undefined
      ? "It is not known whether session records wait for the control plane"
      : `${recordsWaiting === 1 ? "1 session record is" : `${recordsWaiting} session records are`} not acknowledged by the control plane: kept on disk, and sent by the next start`;
  return [
    ...(isDone("buildkit") ? [] : ["BuildKit was not seen to end"]),
    ...(isDone("cache") ? [] : ["The cache was not seen to be closed"]),
    ...(recordsWaiting === 0 ? [] : [records]),
  ];
}
