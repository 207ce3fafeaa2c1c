import { refusalsTold } from "../../core/refusals-lately.ts";
import type { SessionSummary } from "../../core/session.ts";
import { isBroken, notedBroken, notedEnd } from "../../core/troubles.ts";
import { gatewayCounts } from "../../core/views.ts";
import type { Gateway, GatewayEvent, GatewayStats } from "../../ports/gateway.ts";
import type { Meters } from "../../ports/meters.ts";
import type { RecordStore } from "../../ports/records.ts";
import type { TroubleStore } from "../../ports/trouble-store.ts";
import type { Board } from "../board/board.ts";
import type { SessionInbox } from "../board/session-inbox.ts";
import { GatewayFigures } from "./gateway-figures.ts";
import { isNewest } from "./heard-run.ts";
import { type GoneRun, RunBook, type RunPorts } from "./run-book.ts";

export interface WatchPorts extends RunPorts {
  readonly gateway: Gateway;
  readonly records: Pick<RecordStore, "progress">;
  readonly troubles: Pick<TroubleStore, "lastEnd">;
  readonly meters: Meters;
}

type Cells = Pick<Board, "gateway" | "gatewayCounts" | "gatewayDelay" | "refusals" | "servingRequest" | "troubles">;

/** A link that breaks and the manager's word of why are told this close to each other. */
const END_TOLD_MS = 10_000;

/**
 * Keeps our picture of the gateway, and of those that finish beside it: whether it is there, which
 * key it has, what it has applied, who is connected. Once a new one serves, the one before it is
 * retired. What has to go to disk is put into the inbox.
 */
export async function watchGateway(
  ports: WatchPorts,
  inbox: SessionInbox,
  cells: Cells,
  signal: AbortSignal,
): Promise<void> {
  const watch = new Watch(ports, inbox, cells);
  for await (const event of ports.gateway.events(signal)) watch.hear(event);
}

class Watch {
  readonly #ports: WatchPorts;
  readonly #inbox: SessionInbox;
  readonly #cells: Cells;
  readonly #figures = new GatewayFigures();
  readonly #runs: RunBook;
  /** Broke, and are told of once another is there: by then the manager has said why. */
  readonly #broken: GoneRun[] = [];

  constructor(ports: WatchPorts, inbox: SessionInbox, cells: Cells) {
    this.#ports = ports;
    this.#inbox = inbox;
    this.#cells = cells;
    this.#runs = new RunBook(ports, (gone) => this.#noteGone(gone));
  }

  hear(event: GatewayEvent): void {
    const { gateway } = this.#cells;
    const shown = gateway.get();
    const runId = event.is === "hello" ? event.runId : (event.from ?? shown.runId);
    this.#runs.take(runId, event, shown);
    const view = this.#runs.arrange(shown.runId);
    gateway.set(view);
    this.#runs.renew(view);
    this.#tell(runId, event);
    this.#noteBroken();
  }

  /** What it says of everything else. */
  #tell(runId: string, event: GatewayEvent): void {
    const cells = this.#cells;
    switch (event.is) {
      case "hello":
        if (isNewest(cells.gateway.get(), runId)) cells.servingRequest.set(event.request);
        this.#inbox.put({ runId, event });
        for (const summary of event.closed) this.#noteSession(summary);
        break;
      case "present":
        this.#inbox.put({ runId: "", event });
        break;
      case "request":
        if (isNewest(cells.gateway.get(), runId)) cells.servingRequest.set(event.request);
        break;
      case "opened":
        this.#inbox.put({ runId, event });
        break;
      case "closed":
        this.#inbox.put({ runId, event });
        this.#noteSession(event.summary);
        break;
      case "stats":
        this.#noteStats(runId, event.stats);
        break;
      case "lost":
        this.#noteLost(runId);
        break;
      case "certified":
      case "applied":
      case "cut":
        break;
      default:
        event satisfies never;
    }
  }

  #noteLost(runId: string): void {
    const run = this.#runs.find(runId);
    // One that has finished goes.
    if (run?.isRetired !== true || run.said.open.size > 0) this.#ports.log.warn({ runId }, "gateway.lost");
    if (this.#cells.gateway.get().at === "here") return;
    this.#ports.meters.gatewayLost();
    this.#cells.gatewayDelay.set(undefined);
  }

  #noteGone(gone: GoneRun): void {
    const { runId } = gone.run.said;
    if (gone.isFinished) return this.#figures.finished(runId);
    this.#figures.forget(runId);
    this.#broken.push(gone);
  }

  #noteBroken(): void {
    if (this.#cells.gateway.get().at === "away") return;
    const { troubles, meters } = this.#ports;
    for (const { run, atMs } of this.#broken.splice(0)) {
      meters.restarted("gateway");
      const ended = troubles.lastEnd("gateway", atMs - END_TOLD_MS) ?? "it ended";
      const how = `${ended}, and was started anew; see builder-agent logs --unit gateway`;
      const builds = [...new Set(run.said.open.values())];
      this.#cells.troubles.update((noted) => notedEnd(noted, { what: "gateway", how, atMs, builds }));
    }
  }

  #noteSession({ ending, build, openedAtMs, durationMs }: SessionSummary): void {
    if (!isBroken(ending)) return;
    const atMs = openedAtMs + durationMs;
    this.#cells.troubles.update((noted) => notedBroken(noted, "buildkitd", build.buildId, atMs));
  }

  #noteStats(runId: string, stats: GatewayStats): void {
    const { records, meters, clock } = this.#ports;
    const all = this.#figures.note(runId, stats);
    meters.gateway(all);
    for (const [sessionId, fromClient, toClient] of stats.progress) records.progress(sessionId, fromClient, toClient);
    this.#cells.gatewayCounts.set(gatewayCounts(all.accepted, all.refused));
    if (runId !== this.#cells.gateway.get().runId) return;
    this.#cells.gatewayDelay.set(stats.eventLoopDelayP99Ms);
    this.#cells.refusals.update((before) => refusalsTold(before, { runId, refused: stats.refused }, clock.now()));
  }
}
