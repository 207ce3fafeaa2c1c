import type { Backoff } from "../core/backoff.ts";
import type { DiagnosticsWish } from "../core/desired-state.ts";
import { endingOf } from "../core/end-orders.ts";
import { AgentError } from "../core/errors.ts";
import { PlaneError } from "../core/plane-status.ts";
import { within } from "../lifecycle/branch.ts";
import type { LoopReport } from "../lifecycle/loop-report.ts";
import { reconcile } from "../lifecycle/reconcile.ts";
import type { Clock } from "../ports/clock.ts";
import type { AnsweredRequests, BundleMaker, DiagnosticsPlane } from "../ports/diagnostics.ts";
import type { MachineIdentity } from "../ports/keys.ts";
import type { Log } from "../ports/log.ts";
import type { Board } from "./board/board.ts";

/** Of one request. Each makes a bundle anew: nothing is kept on a disk that may be full. */
const TRIES_MAX = 3;
const PASSING: Backoff = { baseMs: 5_000, capMs: 60_000 };
/** So long before the end of a drain the last words are worth more, and no bundle gets done. */
const LAST_MS = 45_000;

/** Answers that say that nobody wants it any more. */
const UNWANTED: readonly string[] = ["ALREADY_EXISTS", "FAILED_PRECONDITION", "UNIMPLEMENTED"];

export interface DiagnosticsPorts {
  /** Absent: this process makes none. */
  readonly diagnostics:
    | { readonly bundles: BundleMaker; readonly plane: DiagnosticsPlane; readonly answered: AnsweredRequests }
    | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

type DiagnosticsCells = Pick<Board, "desired" | "identity" | "phase" | "endOrders">;

interface Wish extends DiagnosticsWish {
  readonly identity: MachineIdentity;
}

/**
 * Answers each request for diagnostics once: a bundle, sent as it is made, one at a time. A try
 * that fails is followed by two more at most. None while this machine ends. Ends with `signal`.
 */
export async function answerDiagnostics(
  { diagnostics, clock, log }: DiagnosticsPorts,
  cells: DiagnosticsCells,
  report: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  if (diagnostics === undefined) return;
  const { bundles, plane, answered } = diagnostics;
  const { desired, identity, phase, endOrders } = cells;
  const leftMs = (): number => {
    if (phase.get().at === "stopping") return 0;
    return (endingOf(endOrders.get())?.deadlineMonoMs ?? Number.POSITIVE_INFINITY) - clock.now().monoMs - LAST_MS;
  };
  await reconcile<Wish>(
    {
      ...{ clock, report, watching: [desired, identity, phase, endOrders] },
      wanted() {
        const as = identity.get();
        const isOpen = ({ requestId, expiresAtMs }: DiagnosticsWish): boolean =>
          !answered.has(requestId) && clock.now().wallMs < expiresAtMs;
        const next = desired.get()?.diagnostics?.find(isOpen);
        return as === undefined || next === undefined || leftMs() <= 0 ? undefined : { ...next, identity: as };
      },
      same: (a, b) => a.requestId === b.requestId,
      async act({ requestId, identity: as }, unchanged) {
        await within(clock, Math.min(leftMs(), MAX_MS), unchanged, async (limit) => {
          const bundle = await bundles.make(requestId, limit);
          log.info({ requestId, marker: bundle.marker }, "diagnostics.begun");
          const stored = await plane.uploadDiagnostics(as, { requestId, bytes: bundle.bytes }, limit);
          const { sha256, sizeBytes } = bundle.digest();
          if (stored !== sha256) throw differs(requestId, sha256, stored);
          log.info({ requestId, marker: bundle.marker, sizeBytes, lacks: bundle.lacks() }, "diagnostics.answered");
        });
        await answered.note(requestId);
        // There may be another.
        return 0;
      },
      pauses: { passing: PASSING, lastingMs: PASSING.capMs },
      failed({ err, failures, retryInMs }, { requestId }) {
        const isUnwanted = err instanceof PlaneError && UNWANTED.includes(err.status);
        if (!isUnwanted && failures < TRIES_MAX) return log.warn({ err, requestId, retryInMs }, "diagnostics.failed");
        log.warn({ err, requestId }, "diagnostics.given-up");
        void answered.note(requestId);
      },
    },
    signal,
  );
}

/** Longer than any bundle and any way to the control plane takes. */
const MAX_MS = 150_000;

function differs(requestId: string, sent: string, stored: string): AgentError {
  const message = `The control plane stored another archive for ${requestId} (SHA-256 ${stored}) than was sent (${sent})`;
  return new AgentError("diagnostics.differs", message, { retryable: true });
}
