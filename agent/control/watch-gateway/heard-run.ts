import type { GatewayRun, GatewayRuns } from "../../core/gateways.ts";
import type { GatewayHere, GatewayView } from "../../core/views.ts";
import type { GatewayEvent } from "../../ports/gateway.ts";

type Hello = Extract<GatewayEvent, { readonly is: "hello" }>;

/** A run as its hello tells it. */
export function runOf(event: Hello): GatewayRun {
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
export function withShown(known: GatewayRuns, shown: GatewayView): GatewayRuns {
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
export function isNewest(view: GatewayView, runId: string): boolean {
  return runId === (view.at === "here" && view.next !== undefined ? view.next.runId : view.runId);
}

/** The same after one of its events. */
export function changed(
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
