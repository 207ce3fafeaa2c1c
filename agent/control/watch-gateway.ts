import { refusalsTold } from "../core/refusals-lately.ts";
import type { SessionSummary } from "../core/session.ts";
import { isBroken, notedBroken, notedEnd } from "../core/troubles.ts";
import { type GatewayHere, type GatewayView, gatewayCounts, NO_GATEWAY } from "../core/views.ts";
import type { Clock } from "../ports/clock.ts";
import type { Gateway, GatewayEvent, GatewayStats } from "../ports/gateway.ts";
import type { Log } from "../ports/log.ts";
import type { Meters } from "../ports/meters.ts";
import type { RecordStore } from "../ports/records.ts";
import type { TroubleStore } from "../ports/trouble-store.ts";
import type { Board } from "./board/board.ts";
import type { SessionInbox } from "./board/session-inbox.ts";

export interface WatchPorts {
  readonly gateway: Gateway;
  readonly records: Pick<RecordStore, "progress">;
  readonly troubles: Pick<TroubleStore, "lastEnd">;
  readonly meters: Meters;
  readonly clock: Clock;
  readonly log: Log;
}

/** A link that breaks and the manager's word of why are told this close to each other. */
const END_TOLD_MS = 10_000;

/**
 * Keeps our picture of the gateway: whether it is there, which key it has, what it has applied, who
 * is connected. Only reads: what has to go to disk is put into the inbox.
 */
export async function watchGateway(
  { gateway, records, troubles, meters, clock, log }: WatchPorts,
  inbox: SessionInbox,
  cells: Pick<Board, "gateway" | "gatewayCounts" | "gatewayDelay" | "refusals" | "servingRequest" | "troubles">,
  signal: AbortSignal,
): Promise<void> {
  let lost: { readonly view: GatewayHere; readonly atMs: number } | undefined;
  for await (const event of gateway.events(signal)) {
    const { runId: runIdBefore } = cells.gateway.get();
    const next = seen(cells.gateway.get(), event);
    switch (event.is) {
      case "hello":
        if (runIdBefore !== "" && runIdBefore !== next.runId) meters.restarted("gateway");
        cells.servingRequest.set(event.request);
        inbox.put({ runId: next.runId, event });
        if (lost !== undefined && lost.view.runId !== event.runId) noteLoss(troubles, cells, lost.view, lost.atMs);
        lost = undefined;
        for (const summary of event.closed) noteBroken(cells, summary);
        break;
      case "request":
        cells.servingRequest.set(event.request);
        break;
      case "opened":
        inbox.put({ runId: next.runId, event });
        break;
      case "closed":
        inbox.put({ runId: next.runId, event });
        noteBroken(cells, event.summary);
        break;
      case "stats":
        noteStats({ records, meters, clock }, cells, next.runId, event.stats);
        break;
      case "lost":
        lost = lostNow(cells.gateway.get(), clock.now().wallMs) ?? lost;
        meters.gatewayLost();
        cells.gatewayDelay.set(undefined);
        log.warn({ runId: next.runId }, "gateway.lost");
        break;
      case "certified":
      case "applied":
      case "cut":
        break;
      default:
        event satisfies never;
    }
    cells.gateway.set(next);
  }
}

function lostNow(view: GatewayView, atMs: number): { readonly view: GatewayHere; readonly atMs: number } | undefined {
  return view.at === "here" ? { view, atMs } : undefined;
}

/** Another one has taken its place: what was open through it is broken. */
function noteLoss(
  store: WatchPorts["troubles"],
  { troubles }: Pick<Board, "troubles">,
  { open }: GatewayHere,
  atMs: number,
): void {
  const ended = store.lastEnd("gateway", atMs - END_TOLD_MS) ?? "it ended";
  const how = `${ended}, and was started anew; see builder-agent logs --unit gateway`;
  troubles.update((noted) => notedEnd(noted, { what: "gateway", how, atMs, builds: [...new Set(open.values())] }));
}

function noteBroken({ troubles }: Pick<Board, "troubles">, summary: SessionSummary): void {
  const { ending, build, openedAtMs, durationMs } = summary;
  if (isBroken(ending))
    troubles.update((noted) => notedBroken(noted, "buildkitd", build.buildId, openedAtMs + durationMs));
}

function noteStats(
  { records, meters, clock }: Pick<WatchPorts, "records" | "meters" | "clock">,
  cells: Pick<Board, "gatewayCounts" | "gatewayDelay" | "refusals">,
  runId: string,
  stats: GatewayStats,
): void {
  meters.gateway(stats);
  for (const [sessionId, fromClient, toClient] of stats.progress) records.progress(sessionId, fromClient, toClient);
  cells.gatewayCounts.set(gatewayCounts(stats.accepted, stats.refused));
  cells.gatewayDelay.set(stats.eventLoopDelayP99Ms);
  cells.refusals.update((before) => refusalsTold(before, { runId, refused: stats.refused }, clock.now()));
}

function seen(view: GatewayView, event: GatewayEvent): GatewayView {
  switch (event.is) {
    case "hello":
      return {
        at: "here",
        runId: event.runId,
        listening: false,
        open: new Map(event.open.map((opening) => [opening.sessionId, opening.build.buildId])),
        ...(event.applied !== undefined && { applied: event.applied }),
        ...(event.servingNotAfterMs === undefined
          ? { uncertified: event.request.spkiSha256 }
          : { servingNotAfterMs: event.servingNotAfterMs }),
      };
    case "lost":
      return { ...NO_GATEWAY, runId: view.runId };
    default:
      // News before a hello says nothing of the rest.
      return view.at === "away" ? view : changed(view, event);
  }
}

function changed(
  view: Extract<GatewayView, { at: "here" }>,
  event: Exclude<GatewayEvent, { readonly is: "hello" | "lost" }>,
): GatewayView {
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
