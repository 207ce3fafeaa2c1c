import type { Registry } from "prom-client";
import type { ObservedState } from "../../core/observed-state.ts";
import { statusReport } from "../../core/status-report.ts";
import { type Answer, text } from "./answer.ts";
import { readyz, readyzCheck } from "./readyz.ts";
import { statusPage } from "./status-page.ts";

const CHECK = "/readyz/";

/** Which path answers what. */
export async function answer(
  target: string,
  state: ObservedState,
  registry: Pick<Registry, "metrics" | "contentType">,
  nowMs: number,
): Promise<Answer> {
  // A base is needed to read a path; its host is never looked at.
  const base = "http://health.invalid";
  if (!URL.canParse(target, base)) return text(400, "This is no path");
  const { pathname, searchParams } = new URL(target, base);
  switch (pathname) {
    case "/livez":
      // Whoever reads this knows that the event loop turns: there is nothing else to look at.
      return text(200, searchParams.has("verbose") ? "[+]event-loop ok\nlivez check passed" : "ok");
    case "/readyz":
      return readyz(state, searchParams, nowMs);
    case "/metrics":
      return { status: 200, type: registry.contentType, body: await registry.metrics() };
    case "/status":
      return status(state);
    case "/":
      return statusPage(state, nowMs);
    default:
      if (pathname.startsWith(CHECK)) return readyzCheck(state, pathname.slice(CHECK.length), nowMs);
      return text(404, "There is /livez, /readyz, /readyz/<check>, /metrics, /status and /");
  }
}

function status(state: ObservedState): Answer {
  const body = JSON.stringify(statusReport(state), undefined, 2);
  return { status: 200, type: "application/json; charset=utf-8", body: `${body}\n` };
}
