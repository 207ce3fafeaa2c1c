import { arranged, type GatewayRun, type GatewayRuns, mayStartAnew, NO_RUNS } from "../core/gateways.ts";
import { refusalsTold } from "../core/refusals-lately.ts";
import type { SessionSummary } from "../core/session.ts";
import { isBroken, notedBroken, notedEnd } from "../core/troubles.ts";
import { type GatewayHere, type GatewayView, gatewayCounts } from "../core/views.ts";
import type { Clock } from "../ports/clock.ts";
import type { Gateway, GatewayEvent, GatewayStats } from "../ports/gateway.ts";
import type { InstalledParts } from "../ports/installed-parts.ts";
import type { Log } from "../ports/log.ts";
import type { Meters } from "../ports/meters.ts";
import type { RecordStore } from "../ports/records.ts";
import type { TroubleStore } from "../ports/trouble-store.ts";
import type { Board } from "./board/board.ts";
import { GatewayFigures } from "./board/gateway-figures.ts";
import type { SessionInbox } from "./board/session-inbox.ts";

export interface WatchPorts {
  readonly gateway: Gateway;
  readonly records: Pick<RecordStore, "progress">;
  readonly troubles: Pick<TroubleStore, "lastEnd">;
  readonly installed: InstalledParts;
  readonly meters: Meters;
  readonly clock: Clock;
  readonly log: Log;
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
  #known: GatewayRuns = NO_RUNS;
  /** Since when a run's link is lost. */
  readonly #lostAtMs = new Map<string, number>();
  /** The unit was made to start anew for the installed release: once, whatever came of it. */
  #isRenewed = false;
  /** Broke, and are told of once another is there: by then the manager has said why. */
  readonly #broken: { readonly run: GatewayRun; readonly atMs: number }[] = [];

  constructor(ports: WatchPorts, inbox: SessionInbox, cells: Cells) {
    this.#ports = ports;
    this.#inbox = inbox;
    this.#cells = cells;
  }

  hear(event: GatewayEvent): void {
    const { gateway } = this.#cells;
    const shown = gateway.get();
    this.#known = withShown(this.#known, shown);
    const runId = event.is === "hello" ? event.runId : (event.from ?? shown.runId);
    this.#take(runId, event);
    this.#show(shown.runId);
    this.#tell(runId, event);
    this.#noteBroken();
  }

  /** What the event says of the runs themselves. */
  #take(runId: string, event: GatewayEvent): void {
    const { runs, isWhole } = this.#known;
    if (event.is === "present") {
      this.#drop((id) => !event.runIds.includes(id));
      this.#known = { ...this.#known, isWhole: true };
    } else if (event.is === "hello") {
      // Where only one can be, another that says hello has taken its place.
      if (event.beside === undefined) this.#drop((id) => id !== runId);
      else this.#known = { runs, isWhole: isWhole && runs.size > 0 };
      this.#put(runId, this.#withRelease(runOf(event)));
      this.#lostAtMs.delete(runId);
    } else {
      const run = runs.get(runId);
      // News before a hello says nothing of the rest.
      if (run === undefined || !run.isInSight) return;
      if (event.is !== "lost") this.#put(runId, { ...run, said: changed(run.said, event) });
      else {
        this.#put(runId, { ...run, isInSight: false });
        this.#lostAtMs.set(runId, this.#ports.clock.now().wallMs);
      }
    }
  }

  /** Whether the release that started its unit is the one that is installed. */
  #withRelease(run: GatewayRun): GatewayRun {
    const { installed, log } = this.#ports;
    if (this.#isRenewed || run.isRetired || !installed.isOutdated("gateway")) return run;
    log.info({ runId: run.said.runId }, "gateway.outdated");
    return { ...run, said: { ...run.said, isOutdated: true } };
  }

  #put(runId: string, run: GatewayRun): void {
    this.#known = { ...this.#known, runs: new Map(this.#known.runs).set(runId, run) };
  }

  #drop(isGone: (runId: string) => boolean): void {
    const runs = new Map(this.#known.runs);
    for (const [runId, run] of runs) {
      if (!isGone(runId)) continue;
      runs.delete(runId);
      if (run.isRetired && run.said.open.size === 0) {
        this.#figures.finished(runId);
        this.#ports.log.info({ runId }, "gateway.finished");
      } else {
        this.#figures.forget(runId);
        this.#broken.push({ run, atMs: this.#lostAtMs.get(runId) ?? this.#ports.clock.now().wallMs });
      }
      this.#lostAtMs.delete(runId);
    }
    this.#known = { ...this.#known, runs };
  }

  #show(lastRunId: string): void {
    const { view, toRetire } = arranged(this.#known, lastRunId);
    for (const runId of toRetire) {
      const run = this.#known.runs.get(runId);
      if (run === undefined) continue;
      this.#put(runId, { ...run, isRetired: true });
      this.#ports.gateway.retire(runId);
      this.#ports.log.info({ runId, by: view.runId, openSessions: run.said.open.size }, "gateway.replaced");
    }
    this.#cells.gateway.set(view);
    if (mayStartAnew(view) && view.isOutdated === true) this.#startAnew(view.runId);
  }

  /** It ends by itself, as one that was replaced, and systemd starts the unit again. */
  #startAnew(runId: string): void {
    const run = this.#known.runs.get(runId);
    if (this.#isRenewed || run === undefined || run.isRetired) return;
    this.#isRenewed = true;
    this.#ports.log.info({ runId }, "gateway.starting-anew");
    this.#put(runId, { ...run, isRetired: true });
    this.#ports.gateway.retire(runId);
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
    const run = this.#known.runs.get(runId);
    // One that has finished goes.
    if (run?.isRetired !== true || run.said.open.size > 0) this.#ports.log.warn({ runId }, "gateway.lost");
    if (this.#cells.gateway.get().at === "here") return;
    this.#ports.meters.gatewayLost();
    this.#cells.gatewayDelay.set(undefined);
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

type Hello = Extract<GatewayEvent, { readonly is: "hello" }>;

function runOf(event: Hello): GatewayRun {
  const { runId, applied, servingNotAfterMs, request } = event;
  return {
    said: {
      at: "here",
      runId,
      listening: false,
      open: new Map(event.open.map((opening) => [opening.sessionId, opening.build.buildId])),
      ...(applied !== undefined && { applied }),
      ...(servingNotAfterMs === undefined ? { uncertified: request.spkiSha256 } : { servingNotAfterMs }),
    },
    startedMonoMs: event.startedMonoMs ?? 0,
    isRetired: event.retired === true,
    isInSight: true,
  };
}

/** Others have noted in the view whose certificate is on its way. */
function withShown(known: GatewayRuns, shown: GatewayView): GatewayRuns {
  if (shown.at === "away") return known;
  const runs = new Map(known.runs);
  for (const { runId, uncertified } of [shown, ...(shown.next === undefined ? [] : [shown.next])]) {
    const run = runs.get(runId);
    if (run === undefined || uncertified !== undefined || run.said.uncertified === undefined) continue;
    const { uncertified: _, ...said } = run.said;
    runs.set(runId, { ...run, said });
  }
  return { ...known, runs };
}

/** Whether it is the one that is to be certified. */
function isNewest(view: GatewayView, runId: string): boolean {
  return runId === (view.at === "here" && view.next !== undefined ? view.next.runId : view.runId);
}

function changed(
  view: GatewayHere,
  event: Exclude<GatewayEvent, { readonly is: "hello" | "lost" | "present" }>,
): GatewayHere {
  switch (event.is) {
    case "request":
      return { ...view, uncertified: event.request.spkiSha256 };
    case "certified":
      return { ...view, servingNotAfterMs: event.notAfterMs };
    case "applied":
      return { ...view, applied: { revision: event.revision, epoch: event.epoch } };
    case "opened":
      return { ...view, open: new Map(view.open).set(event.opening.sessionId, event.opening.build.buildId) };
    case "closed":
      return { ...view, open: without(view.open, event.summary.sessionId) };
    case "stats":
      return { ...view, listening: event.stats.listening };
    case "cut":
      return view;
    default:
      return event satisfies never;
  }
}

function without(open: ReadonlyMap<string, string>, sessionId: string): ReadonlyMap<string, string> {
  const rest = new Map(open);
  rest.delete(sessionId);
  return rest;
}
