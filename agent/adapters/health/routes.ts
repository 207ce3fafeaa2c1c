import type { ObservedState } from "../../core/observed-state.ts";
import { statusReport } from "../../core/status-report.ts";
import { type Answer, text } from "./answer.ts";
import { type Question, readyz, readyzCheck } from "./readyz.ts";
import { statusPage } from "./status-page.ts";

const CHECK = "/readyz/";

export interface Request extends Pick<Question, "accept" | "nowMs"> {
  readonly target: string;
}

/** Which path answers what. */
export async function answer(
  { target, accept, nowMs }: Request,
  state: ObservedState,
  metrics: () => Promise<Answer>,
): Promise<Answer> {
  // A base is needed to read a path; its host is never looked at.
  const base = "http://health.invalid";
  if (!URL.canParse(target, base)) return text(400, "This is no path");
  const { pathname, searchParams } = new URL(target, base);
  const question = { query: searchParams, accept, nowMs };
  switch (pathname) {
    case "/livez":
      // Whoever reads this knows that the event loop turns: there is nothing else to look at.
      return text(200, searchParams.has("verbose") ? "[+]event-loop ok\nlivez check passed" : "ok");
    case "/readyz":
      return readyz(state, question);
    case "/metrics":
      return metrics();
    case "/status":
      return status(state);
    case "/":
      return statusPage(state, nowMs);
    default:
      if (pathname.startsWith(CHECK)) return readyzCheck(state, pathname.slice(CHECK.length), question);
      return text(404, "There is /livez, /readyz, /readyz/<check>, /metrics, /status and /");
  }
}

function status(state: ObservedState): Answer {
  const body = JSON.stringify(statusReport(state), undefined, 2);
  return { status: 200, type: "application/json; charset=utf-8", body: `${body}\n` };
}
