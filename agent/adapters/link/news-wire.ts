import type { GatewayNews } from "../../ports/control-link.ts";
import type { SigningRequest } from "../../ports/keys.ts";
import { messageLine } from "../../wire/protocol.ts";
import { LINK } from "./values.ts";

/**
 * A hello may carry 100,000 records: they go ahead of it in lines of at most this many, and the
 * receiver puts them together.
 */
const SESSIONS_A_LINE = 250;

export type Hello = Extract<GatewayNews, { readonly is: "hello" }>;

/** Made a line at a time: all at once would keep the gateway's other work waiting. */
export function* helloLines({ closed, open, applied, ...hello }: Hello): Generator<string, void, undefined> {
  for (const batch of batchesOf(closed)) yield messageLine(LINK, { is: "hello-closed", closed: batch });
  const opens = [...batchesOf(open)];
  const last = opens.pop() ?? [];
  for (const batch of opens) yield messageLine(LINK, { is: "hello-open", open: batch });
  const inForce = applied && { applied: { ...applied, revision: String(applied.revision) } };
  yield messageLine(LINK, { ...hello, ...inForce, request: requestToWire(hello.request), open: last });
}

function* batchesOf<T>(sessions: readonly T[]): Generator<readonly T[], void, undefined> {
  for (let from = 0; from < sessions.length; from += SESSIONS_A_LINE)
    yield sessions.slice(from, from + SESSIONS_A_LINE);
}

export function newsToLine(news: Exclude<GatewayNews, Hello>): string {
  switch (news.is) {
    case "request":
      return messageLine(LINK, { ...news, request: requestToWire(news.request) });
    case "applied":
      return messageLine(LINK, { ...news, revision: String(news.revision) });
    case "certified":
    case "opened":
    case "closed":
    case "cut":
    case "stats":
      return messageLine(LINK, news);
    default:
      return news satisfies never;
  }
}

function requestToWire(request: SigningRequest): object {
  return { ...request, der: Buffer.from(request.der).toString("base64") };
}
