import { type Ending, type EndOrder, endingOf } from "../core/end-orders.ts";
import { type EndingProgress, endingProgress } from "../core/ending-progress.ts";
import { AgentError, inWords } from "../core/errors.ts";
import { ageMs } from "../core/instant.ts";
import type { LoopStatus } from "../core/loop-status.ts";
import { leftUndone } from "../core/observed-ending.ts";
import { NOTHING_OBSERVED } from "../core/observed-state.ts";
import { statusReport } from "../core/status-report.ts";
import { firstOf, within } from "../lifecycle/branch.ts";
import type { LoopReport } from "../lifecycle/loop-report.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { DrainWish, OperatorClerk, OperatorDesk, Reconnected } from "../ports/operators.ts";
import type { Board } from "./board/board.ts";

/** For a person to read. */
const PROGRESS_EVERY_MS = 500;
/** A try's own deadlines come to less: 15 s for a call, and what the evidence takes. */
const OUTCOME_MS = 30_000;
/** After the desk could not be opened. */
const AGAIN_MS = 30_000;

export interface OperatorPorts {
  /** Absent: nobody can ask. */
  readonly operators: OperatorDesk | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

type OperatorCells = Pick<
  Board,
  | "endOrders"
  | "endingAt"
  | "endingSteps"
  | "records"
  | "gateway"
  | "debugTerminals"
  | "terminalsEnd"
  | "plane"
  | "observed"
  | "retryNow"
  | "tryFailed"
>;

/** What other chapters do for operators. */
export interface OperatorMeans {
  /** Puts an order to end into the book. */
  readonly order: (order: EndOrder) => void;
  /** For open builds, where nobody says how long. */
  readonly graceMs: number;
  readonly loops: () => readonly LoopStatus[];
}

/**
 * Answers the operators of this machine. A desk that cannot be opened costs them their commands,
 * and no build anything: it is tried again now and then.
 */
export async function serveOperators(
  { operators, clock, log }: OperatorPorts,
  cells: OperatorCells,
  means: OperatorMeans,
  report: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  if (operators === undefined) return;
  const clerk = new Clerk({ clock, log }, cells, means);
  while (!signal.aborted) {
    try {
      await operators.serve(clerk, signal);
    } catch (err) {
      log.warn({ err }, "operators.not-served");
      report.failed(inWords(err), AGAIN_MS);
      await clock.sleep(AGAIN_MS, signal);
    }
  }
}

class Clerk implements OperatorClerk {
  readonly #ports: { readonly clock: Clock; readonly log: Log };
  readonly #cells: OperatorCells;
  readonly #means: OperatorMeans;

  constructor(ports: { readonly clock: Clock; readonly log: Log }, cells: OperatorCells, means: OperatorMeans) {
    this.#ports = ports;
    this.#cells = cells;
    this.#means = means;
  }

  drain({ graceMs, hurry, reason }: DrainWish): EndingProgress {
    const { clock, log } = this.#ports;
    const { endOrders } = this.#cells;
    const nowMonoMs = clock.now().monoMs;
    log.info({ reason, graceMs, hurry }, "operator.drain");
    // Who only says "drain" to a machine that drains takes nothing from what another has granted.
    if (graceMs !== undefined || hurry || endOrders.get().length === 0) {
      const deadlineMonoMs = nowMonoMs + (graceMs ?? this.#means.graceMs);
      this.#means.order({ from: "operator", reason, deadlineMonoMs, hurry });
    }
    return this.#progress(this.#ending());
  }

  async watchEnding(tell: (progress: EndingProgress) => void, signal: AbortSignal) {
    const { clock } = this.#ports;
    const { endingAt, endingSteps, records } = this.#cells;
    while (!signal.aborted) {
      const told = endingAt.get();
      tell(this.#progress(this.#ending()));
      await within(clock, PROGRESS_EVERY_MS, signal, (pause) => endingAt.first((at) => at !== told, pause));
      if (endingAt.get() === "over") break;
    }
    const { ended, reason } = this.#ending();
    if (endingAt.get() === "over")
      return { ended, reason, undone: leftUndone(endingSteps.get(), records.get()?.waiting) };
    throw new AgentError("operators.broke-off", "The agent ended before its ending was over: see its log", {
      retryable: false,
    });
  }

  async reconnect(signal: AbortSignal): Promise<Reconnected> {
    const { clock, log } = this.#ports;
    const { plane, retryNow, tryFailed } = this.#cells;
    if (plane.get().attached) return this.#attached(true);
    log.info({}, "operator.reconnect");
    const failedBefore = tryFailed.count;
    retryNow.note();
    await within(clock, OUTCOME_MS, signal, (limit) =>
      firstOf(
        limit,
        (one) => plane.first(({ attached }) => attached, one),
        (one) => tryFailed.next(one, failedBefore),
      ),
    );
    const { attached, lastFailure: because } = plane.get();
    if (attached) return this.#attached(false);
    if (tryFailed.count === failedBefore) return { is: "no-outcome", afterMs: OUTCOME_MS, because };
    const { nextTryMs } = this.#means.loops().find(({ name }) => name === "control-plane") ?? {};
    const inMs = nextTryMs === undefined ? undefined : Math.max(0, nextTryMs - clock.now().wallMs);
    return { is: "not-attached", because, ...(inMs !== undefined && { nextTryMs: inMs }) };
  }

  health() {
    return statusReport(this.#cells.observed.get() ?? NOTHING_OBSERVED);
  }

  #attached(already: boolean): Reconnected {
    const { confirmedAt } = this.#cells.plane.get();
    const now = this.#ports.clock.now();
    return { is: "attached", already, lastWordMs: confirmedAt === undefined ? 0 : ageMs(confirmedAt, now) };
  }

  #ending(): Ending {
    const ending = endingOf(this.#cells.endOrders.get());
    if (ending === undefined) throw new Error("An ending is watched that nobody ordered");
    return ending;
  }

  #progress(ending: Ending): EndingProgress {
    const { endingAt, gateway, debugTerminals, terminalsEnd } = this.#cells;
    const terminals = { statuses: debugTerminals.get(), end: terminalsEnd.get() };
    const { monoMs } = this.#ports.clock.now();
    return endingProgress(ending, endingAt.get() ?? "draining", gateway.get(), terminals, monoMs);
  }
}
