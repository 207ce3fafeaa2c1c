import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { prometheusMeters } from "../../agent/adapters/telemetry/prometheus-meters.ts";
import { OtlpTraces, type OtlpTracesOptions, TRACE_LIMITS } from "../../agent/adapters/traces/otlp-traces.ts";
import type { Trace } from "../../agent/core/traces/span.ts";
import { type OwnTraces, type TraceTarget, tracePlan } from "../../agent/core/traces/target.ts";
import type { TraceProgress } from "../../agent/core/traces/view.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import { notebook } from "../control/stand-ins.ts";

type Limits = NonNullable<OtlpTracesOptions["limits"]>;

/** What sends, to whom it is told to, and what it says of it. */
export class Stage implements AsyncDisposable {
  readonly log = notebook();
  readonly progress = new Cell<TraceProgress>({});
  readonly traces: OtlpTraces;
  readonly #registry;
  readonly #stop = new AbortController();
  #sending: Promise<void> = Promise.resolve();

  constructor(limits: Partial<Limits> = {}, over: Partial<OtlpTracesOptions> = {}) {
    const { meters, registry } = prometheusMeters({ version: "1", controlRestarts: 0, droppedLogLines: () => 0 });
    this.#registry = registry;
    this.traces = new OtlpTraces({
      clock: { ...systemClock(), random: () => 0.01 },
      log: this.log,
      meters,
      version: "1.2.3",
      limits: { ...TRACE_LIMITS, gatherMs: 10, ...limits },
      ...over,
    });
  }

  /** Begins to send to where this machine's own configuration says. */
  sendTo(own: Partial<OwnTraces>): void {
    const plan = tracePlan({ sessionPercent: 100, ...own }, null);
    if (plan.at !== "to") throw new Error(`${JSON.stringify(plan)} is no target`);
    this.send(plan.target);
  }

  send(target: TraceTarget | undefined): void {
    const note = (progress: TraceProgress): void => this.progress.set(progress);
    this.#sending = this.traces.send(target, () => "m-1", note, this.#stop.signal);
  }

  /** One that was not accepted, in words. */
  async failure(): Promise<string> {
    const failed = await this.progress.first(({ failing }) => failing !== undefined, AbortSignal.timeout(20_000));
    return failed?.failing ?? "it did not fail";
  }

  async accepted(): Promise<void> {
    const holds = ({ lastAcceptedMs, failing }: TraceProgress): boolean =>
      lastAcceptedMs !== undefined && failing === undefined;
    if ((await this.progress.first(holds, AbortSignal.timeout(20_000))) === undefined) throw new Error("Not accepted");
  }

  /** Of a counter with these labels, as /metrics has it. */
  async count(series: string): Promise<number> {
    const line = (await this.#registry.metrics()).split("\n").find((one) => one.startsWith(`${series} `));
    return Number(line?.split(" ").at(-1));
  }

  /** No more is sent by the loop: what waits is left to the end. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#sending;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.traces[Symbol.asyncDispose]();
  }
}

export function trace(name = "work", of: Trace["of"] = { is: "reconciliation" }): Trace {
  const atMs = Date.parse("2026-11-21T12:00:00Z");
  return { of, root: { name, beganAtMs: atMs, endedAtMs: atMs + 5, attributes: {}, events: [], parts: [] } };
}
