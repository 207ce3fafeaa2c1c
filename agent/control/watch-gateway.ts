import { type GatewayView, NO_GATEWAY } from "../core/views.ts";
import { Branch } from "../lifecycle/branch.ts";
import type { Cell } from "../lifecycle/cell.ts";
import type { Gateway, GatewayEvent, GatewayStats, SessionEvent } from "../ports/gateway.ts";
import type { SigningRequest } from "../ports/keys.ts";
import type { Log } from "../ports/log.ts";
import type { Meters } from "../ports/meters.ts";

export interface GatewayCells {
  readonly gateway: Cell<GatewayView>;
  readonly servingRequest: Cell<SigningRequest | undefined>;
}

/** Keeps our picture of the gateway: whether it is there, which key it has, what it has applied, who is connected. */
export async function watchGateway(
  ports: { readonly gateway: Gateway; readonly meters: Meters; readonly log: Log },
  cells: GatewayCells,
  onSession: (runId: string, event: SessionEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  using branch = new Branch(signal);
  for await (const event of ports.gateway.events(branch.signal)) {
    const next = seen(cells.gateway.get(), event);
    if (event.is === "hello" || event.is === "request") cells.servingRequest.set(event.request);
    if (event.is === "stats") note(ports.meters, event.stats, onSession, next.runId);
    if (event.is === "lost") {
      ports.meters.gatewayLost();
      ports.log.warn({ runId: next.runId }, "gateway.lost");
    }
    if (event.is === "hello" || event.is === "opened" || event.is === "closed") onSession(next.runId, event);
    cells.gateway.set(next);
  }
}

function note(
  meters: Meters,
  stats: GatewayStats,
  onSession: (runId: string, event: SessionEvent) => void,
  runId: string,
): void {
  meters.gateway(stats);
  onSession(runId, { is: "progress", progress: stats.progress });
}

function seen(view: GatewayView, event: GatewayEvent): GatewayView {
  switch (event.is) {
    case "hello":
      return {
        ...NO_GATEWAY,
        connected: true,
        runId: event.runId,
        open: new Map(event.open.map((opening) => [opening.sessionId, opening.build.buildId])),
        ...(event.servingNotAfterMs === undefined
          ? { uncertified: event.request.spkiSha256 }
          : { servingNotAfterMs: event.servingNotAfterMs }),
      };
    case "lost":
      return { ...NO_GATEWAY, runId: view.runId };
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
    case "stats": {
      const refused = Object.values(event.stats.refused).reduce((sum, count) => sum + count, 0);
      return { ...view, listening: event.stats.listening, accepted: event.stats.accepted, refused };
    }
    case "cut":
      return view;
    default:
      return event satisfies never;
  }
}

function without(open: GatewayView["open"], sessionId: string): GatewayView["open"] {
  const rest = new Map(open);
  rest.delete(sessionId);
  return rest;
}
