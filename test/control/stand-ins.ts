import type { ProbeFinding } from "../../agent/core/network/order.ts";
import type { Trace } from "../../agent/core/traces/span.ts";
import type { GatewayHere, GatewayView } from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import type { LoopReport } from "../../agent/lifecycle/loop-report.ts";
import { Queue } from "../../agent/lifecycle/queue.ts";
import type { BuildkitProbe, BuildkitUnit, UnitExit, UnitStatus } from "../../agent/ports/buildkit.ts";
import type { Gateway, GatewayEvent } from "../../agent/ports/gateway.ts";
import type { Log } from "../../agent/ports/log.ts";
import type { Meters } from "../../agent/ports/meters.ts";
import type { OwnUnit } from "../../agent/ports/own-unit.ts";
import type { Traces } from "../../agent/ports/traces.ts";

/** A gateway that does what it is told, and writes down what it was told. */
export class GatewayStandIn implements Gateway {
  readonly told: string[] = [];
  readonly queue = new Queue<GatewayEvent>();
  onCut: () => void = () => {};

  events(signal: AbortSignal): AsyncIterable<GatewayEvent> {
    return this.queue.drain(signal);
  }
  allow(allowSet: Parameters<Gateway["allow"]>[0]): void {
    const door = allowSet.admission.at;
    this.told.push(`allow ${allowSet.revision} ${door} [${[...allowSet.grants.keys()].join(" ")}]`);
  }
  confirm(): void {
    this.told.push("confirm");
  }
  certify(keySpkiSha256: string, chainPem: string): void {
    this.told.push(`certify ${keySpkiSha256} ${chainPem}`);
  }
  rotateKey(): void {
    this.told.push("rotate key");
  }
  cutAll(): void {
    this.told.push("cut all");
    this.onCut();
  }
  acknowledge(sessionIds: readonly string[]): void {
    this.told.push(`acknowledge ${sessionIds.join(" ")}`);
  }
  retire(runId: string): void {
    this.told.push(`retire ${runId}`);
  }
}

/** buildkitd's unit: starts when asked, ends when the test says. */
export class UnitStandIn implements BuildkitUnit {
  readonly done: string[] = [];
  /** How long each stop was to wait for it. */
  readonly gracesMs: number[] = [];
  readonly status = new Cell<UnitStatus>({ at: "stopped" });
  configureFails: Error | undefined;

  async configure(toml: string): Promise<void> {
    if (this.configureFails !== undefined) throw this.configureFails;
    this.done.push(`configure ${toml}`);
  }
  async start(): Promise<void> {
    this.done.push("start");
    this.status.set({ at: "running", pid: this.done.length });
  }
  async stop(graceMs = 0, _signal?: AbortSignal): Promise<void> {
    this.done.push("stop");
    this.gracesMs.push(graceMs);
    this.status.set({ at: "stopped" });
  }
  exit(exit: UnitExit): void {
    this.status.set({ at: "exited", exit });
  }
  async *statuses(signal: AbortSignal): AsyncGenerator<UnitStatus> {
    let last: UnitStatus | undefined;
    while (!signal.aborted) {
      const next = await this.status.first((now) => now !== last, signal);
      if (next !== undefined) yield (last = next);
    }
  }
}

export class ProbeStandIn implements BuildkitProbe {
  answers = true;

  async listWorkers() {
    if (!this.answers) throw new Error("no answer");
    return { workers: 1, platforms: ["linux/amd64"], version: "v0.33.1" };
  }

  reached: readonly ProbeFinding[] | Promise<readonly ProbeFinding[]> | Error = [];

  /** Of which machine's addresses it was asked, each time. */
  readonly gateways: (readonly string[])[] = [];

  async reaches(gateways: readonly string[]) {
    this.gateways.push(gateways);
    if (this.reached instanceof Error) throw this.reached;
    return this.reached;
  }
}

const LISTENING: GatewayHere = { at: "here", runId: "g1", listening: true, open: new Map() };

export function listening(over: Partial<GatewayHere> = {}): Cell<GatewayView> {
  return new Cell<GatewayView>({ ...LISTENING, ...over });
}

/** A gateway that is there, with what it had and what is new. */
export function here(view: GatewayView, over: Partial<GatewayHere>): GatewayHere {
  return { ...(view.at === "here" ? view : LISTENING), ...over };
}

export const NO_REPORT: LoopReport = { succeeded: () => {}, failed: () => {}, reconciled: () => {} };

/** Keeps what a loop says of itself: "succeeded", "failed: no answer, again in 500 ms". */
export function loopBook(): LoopReport & { readonly told: string[] } {
  const told: string[] = [];
  return {
    told,
    succeeded: () => void told.push("succeeded"),
    failed: (because, retryInMs) => void told.push(`failed: ${because}, again in ${retryInMs} ms`),
    reconciled: () => {},
  };
}

/** Keeps what is told as traces. */
export function traceBook(): Pick<Traces, "tell"> & { readonly told: Trace[] } {
  const told: Trace[] = [];
  return { told, tell: (trace) => void told.push(trace) };
}

/** Keeps event names, so that a test can ask what was told to the operator. */
export function notebook(): Log & { readonly events: string[]; readonly data: Map<string, unknown> } {
  const events: string[] = [];
  /** Of the last line of each event. */
  const data = new Map<string, unknown>();
  const note = (of: unknown, event: string): void => {
    events.push(event);
    data.set(event, of);
  };
  return { events, data, debug: note, info: note, warn: note, error: note };
}

export const NO_METERS: Meters = {
  gateway: () => {},
  gatewayLost: () => {},
  sessionClosed: () => {},
  planeAttached: () => {},
  planeCallFailed: () => {},
  messageRefused: () => {},
  buildkitExited: () => {},
  stepTried: () => {},
  cachePruned: () => {},
  historyDeleted: () => {},
  renewalFailed: () => {},
  clockOffset: () => {},
  records: () => {},
  restarted: () => {},
};

export const NO_MANAGER: OwnUnit = { ready: () => {}, tell: () => {}, replaced: () => {}, stopping: () => {} };
