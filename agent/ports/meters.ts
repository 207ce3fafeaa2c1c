import type { HistoryReason } from "../core/build-history.ts";
import type { MessageKind, PlaneCall, WatchedProcess } from "../core/counted.ts";
import type { PruneOutcome } from "../core/disk-relief.ts";
import type { SessionEnding } from "../core/session.ts";
import type { STEP_OUTCOMES } from "../core/step-trial.ts";
import type { SpanLoss } from "../core/traces/view.ts";
import type { ExitKind } from "../core/unit-exit.ts";
import type { RecordCounts } from "../core/views.ts";
import type { GatewayStats } from "./gateway.ts";

/** Prometheus instruments, by what happened. No build ids: labels are few and fixed. */
export interface Meters {
  gateway(stats: GatewayStats): void;
  gatewayLost(): void;
  sessionClosed(ending: SessionEnding, durationMs: number, bytesFromClient: number, bytesToClient: number): void;
  planeAttached(attached: boolean): void;
  /** @param status gRPC's name of it: foreign, and therefore not a type. */
  planeCallFailed(call: PlaneCall, status: string): void;
  /** Our clock minus the control plane's; undefined: not known, or not any more. */
  clockOffset(ms: number | undefined): void;
  messageRefused(kind: MessageKind): void;
  buildkitExited(kind: ExitKind): void;
  /** @param tookMs where it ran. */
  stepTried(outcome: (typeof STEP_OUTCOMES)[number], tookMs: number | undefined): void;
  cachePruned(outcome: PruneOutcome, freedBytes: number): void;
  historyDeleted(because: HistoryReason, records: number): void;
  renewalFailed(): void;
  records(counts: RecordCounts): void;
  /** Another process of this machine ended unasked, and is back, or on its way. */
  restarted(process: Exclude<WatchedProcess, "control">): void;
}

/** What became of spans. */
export interface TraceMeters {
  spansExported(count: number, atMs: number): void;
  spansDropped(because: SpanLoss, count: number): void;
}

/** What the wire to the control plane counts by itself. */
export interface PlaneMeters {
  /**
   * Fields of one message that this agent does not know: a newer control plane's. They are ignored.
   */
  unknownFields(count: number): void;
}
