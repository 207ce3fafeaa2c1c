import { randomBytes } from "node:crypto";
import { fullJitterMs } from "../../core/backoff.ts";
import { AgentError, inWords, isPassing } from "../../core/errors.ts";
import { countSpans, type Trace } from "../../core/traces/span.ts";
import type { TraceTarget } from "../../core/traces/target.ts";
import type { TraceProgress } from "../../core/traces/view.ts";
import { within } from "../../lifecycle/branch.ts";
import type { Log } from "../../ports/log.ts";
import type { TraceMeters } from "../../ports/meters.ts";
import type { Traces } from "../../ports/traces.ts";
import type { Encoded } from "./encode.ts";
import { type ExportMeans, encoded, exportOnce } from "./export.ts";
import { NotAccepted } from "./not-accepted.ts";
import { spansOf, WaitingTraces } from "./waiting-traces.ts";

export const TRACE_LIMITS = {
  /** What may wait: about 2 MB. */
  waitingSpans: 2_048,
  /** OpenTelemetry's own numbers for a batch, and for how long one is gathered. */
  batchSpans: 512,
  gatherMs: 5_000,
  exportMs: 10_000,
  /** For so long a batch is sent again; then its spans are lost, and the next has its turn. */
  retryMs: 5 * 60_000,
  /** What still waits at the end of this process. */
  flushMs: 2_000,
} as const;

type Limits = { readonly [K in keyof typeof TRACE_LIMITS]: number };

const PAUSES = { baseMs: 1_000, capMs: 60_000 } as const;

export interface OtlpTracesOptions extends Omit<ExportMeans, "exportMs"> {
  readonly log: Log;
  readonly meters: TraceMeters;
  readonly limits?: Limits;
}

/** Whom to send to, and whom to tell. */
interface Addressee {
  readonly target: TraceTarget;
  readonly machineId: () => string | undefined;
  readonly note: (progress: TraceProgress) => void;
}

/**
 * Spans by OTLP over HTTP, as protobuf. OpenTelemetry's modules are loaded for the first batch:
 * where nobody is sent to, they cost nothing.
 */
export class OtlpTraces implements Traces, AsyncDisposable {
  readonly #options: OtlpTracesOptions;
  readonly #limits: Limits;
  readonly #start = { traceId: randomBytes(16).toString("hex"), spanId: randomBytes(8).toString("hex") };
  readonly #waiting: WaitingTraces;
  #to: Addressee | undefined;
  #progress: TraceProgress = {};

  constructor(options: OtlpTracesOptions) {
    this.#options = options;
    this.#limits = options.limits ?? TRACE_LIMITS;
    this.#waiting = new WaitingTraces(this.#limits.waitingSpans);
  }

  tell(trace: Trace): void {
    if (this.#to === undefined || this.#waiting.push(trace)) return;
    this.#options.meters.spansDropped("queue-full", countSpans(trace.root));
  }

  async send(
    target: TraceTarget | undefined,
    machineId: Addressee["machineId"],
    note: Addressee["note"],
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#options;
    const { gatherMs, batchSpans } = this.#limits;
    this.#to = target && { target, machineId, note };
    this.#progress = {};
    if (this.#to === undefined) {
      this.#waiting.forget();
      return clock.sleep(Number.POSITIVE_INFINITY, signal);
    }
    for (;;) {
      await this.#waiting.until(1, signal);
      await within(clock, gatherMs, signal, (pause) => this.#waiting.until(batchSpans, pause));
      if (signal.aborted) return;
      await this.#sendBatch(this.#to, signal);
    }
  }

  /** What still waits is sent, once, within `flushMs`; then this process may end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const to = this.#to;
    if (to === undefined) return;
    await within(this.#options.clock, this.#limits.flushMs, new AbortController().signal, async (signal) => {
      while (!this.#waiting.isEmpty) {
        const batch = this.#waiting.take(this.#limits.batchSpans);
        try {
          await this.#tryOnce(to, await this.#encoded(to, batch), signal);
        } catch (err) {
          this.#lose(to, err, spansOf(batch));
        }
      }
    });
  }

  /** Until it is accepted, or lost; put back when `signal` is aborted before. */
  async #sendBatch(to: Addressee, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const { batchSpans, retryMs } = this.#limits;
    const batch = this.#waiting.take(batchSpans);
    const request = await this.#encoded(to, batch).catch((err: unknown) => this.#lose(to, err, spansOf(batch)));
    if (request === undefined) return;
    const begunMonoMs = clock.now().monoMs;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        return await this.#tryOnce(to, request, signal);
      } catch (err) {
        if (signal.aborted) break;
        const leftMs = retryMs - (clock.now().monoMs - begunMonoMs);
        const askedMs = err instanceof NotAccepted ? (err.retryAfterMs ?? 0) : 0;
        const pauseMs = Math.max(askedMs, fullJitterMs(PAUSES, failures, clock.random()));
        const isLost = !isPassing(err) || pauseMs > leftMs;
        if (isLost) this.#lose(to, err, request.spans);
        else this.#noteFailure(to, err, request.spans);
        await clock.sleep(Math.min(pauseMs, retryMs), signal);
        if (isLost) return;
      }
    }
    this.#waiting.putBack(batch);
  }

  /** @throws {AgentError} why it was not accepted. */
  async #tryOnce(to: Addressee, { body, spans }: Encoded, outer: AbortSignal): Promise<void> {
    if (spans === 0) return;
    const { clock, meters, log } = this.#options;
    const { shown } = to.target;
    const means = { ...this.#options, exportMs: this.#limits.exportMs };
    const { rejected, because } = await exportOnce(to.target, body, means, outer);
    const atMs = clock.now().wallMs;
    const lost = Math.min(rejected, spans);
    meters.spansExported(spans - lost, atMs);
    meters.spansDropped("rejected", lost);
    if (lost > 0 || because !== "") log.warn({ to: shown, because, spans, rejected: lost }, "traces.partly-rejected");
    if (this.#progress.failing !== undefined) log.info({ to: shown }, "traces.accepted");
    this.#note(to, { lastAcceptedMs: atMs });
  }

  #encoded({ target, machineId }: Addressee, batch: readonly Trace[]): Promise<Encoded> {
    const { version } = this.#options;
    return encoded(batch, { version, start: this.#start, machineId: machineId() }, target);
  }

  #lose(to: Addressee, err: unknown, spans: number): void {
    this.#options.meters.spansDropped("not-accepted", spans);
    this.#noteFailure(to, err, spans);
  }

  #noteFailure(to: Addressee, err: unknown, spans: number): void {
    this.#options.log.warn({ to: to.target.shown, err, spans }, "traces.not-accepted");
    this.#note(to, { ...this.#progress, failing: withCause(err) });
  }

  #note(to: Addressee, progress: TraceProgress): void {
    this.#progress = progress;
    to.note(progress);
  }
}

/** In one sentence, with what the system says of it. */
function withCause(err: unknown): string {
  const cause = err instanceof AgentError ? err.cause : undefined;
  return cause === undefined ? inWords(err) : `${inWords(err)}: ${inWords(cause)}`;
}
