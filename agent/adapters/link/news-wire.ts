import { z } from "zod";
import { AgentError } from "../../core/errors.ts";
import { SESSION_ENDINGS, type SessionOpening, type SessionSummary } from "../../core/session.ts";
import type { GatewayNews } from "../../ports/control-link.ts";
import type { GatewayStats } from "../../ports/gateway.ts";
import type { SigningRequest } from "../../ports/keys.ts";
import { messageLine, readMessage } from "../../wire/protocol.ts";
import { BigInteger, Bytes, base64, Count, LINK, Sha256Hex } from "./values.ts";

/**
 * A hello may carry 100,000 records: they go ahead of it in lines of at most this many, and the
 * receiver puts them together.
 */
const SESSIONS_A_LINE = 250;
/** More than a gateway keeps: a hello of more has no end. */
const SESSIONS_A_HELLO_MAX = 250_000;

const Opening = {
  sessionId: z.string(),
  build: z.object({ orgId: z.string(), projectId: z.string(), buildId: z.string() }),
  peer: z.string(),
  certificateSerial: z.string(),
  keySpkiSha256: Sha256Hex,
  openedAtMs: z.number(),
};
const OpeningWire: z.ZodType<SessionOpening> = z.object(Opening);

const SummaryWire: z.ZodType<SessionSummary> = z.object({
  ...Opening,
  durationMs: z.number(),
  bytesFromClient: Count,
  bytesToClient: Count,
  refusedCalls: Count.exactOptional(),
  // "other" is of a journal alone.
  ending: z.enum(SESSION_ENDINGS).exclude(["other"]),
  detail: z.string(),
});

const RequestWire: z.ZodType<SigningRequest> = z.object({ der: Bytes, spkiSha256: Sha256Hex });

const StatsWire: z.ZodType<GatewayStats> = z.object({
  listening: z.boolean(),
  address: z.string().exactOptional(),
  accepted: Count,
  refused: z.record(z.string(), Count),
  // A gateway of the release before, which runs on while control is upgraded, counts none.
  refusedCalls: z.record(z.string(), Count).default({}),
  pendingHandshakes: Count,
  openSessions: Count,
  bytesFromClients: Count,
  bytesToClients: Count,
  residentBytes: Count,
  eventLoopDelayP99Ms: z.number(),
  recordsDropped: Count,
  linkFaults: Count,
  // As above.
  logLinesDropped: Count.default(0),
  progress: z.array(z.tuple([z.string(), Count, Count])),
});

const NewsWire = z.discriminatedUnion("is", [
  z.object({ is: z.literal("hello-closed"), closed: z.array(SummaryWire) }),
  z.object({ is: z.literal("hello-open"), open: z.array(OpeningWire) }),
  z.object({
    is: z.literal("hello"),
    runId: z.string(),
    request: RequestWire,
    servingNotAfterMs: z.number().exactOptional(),
    applied: z.object({ revision: BigInteger, epoch: z.string() }).exactOptional(),
    open: z.array(OpeningWire),
    startedMonoMs: z.number().exactOptional(),
    retired: z.literal(true).exactOptional(),
  }),
  z.object({ is: z.literal("request"), request: RequestWire }),
  z.object({ is: z.literal("certified"), notAfterMs: z.number() }),
  z.object({ is: z.literal("applied"), revision: BigInteger, epoch: z.string() }),
  z.object({ is: z.literal("opened"), opening: OpeningWire }),
  z.object({ is: z.literal("closed"), summary: SummaryWire }),
  z.object({ is: z.literal("cut"), sessions: Count }),
  z.object({ is: z.literal("stats"), stats: StatsWire }),
]);

type Hello = Extract<GatewayNews, { readonly is: "hello" }>;

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

/** Reads what one connection brings. */
export class NewsReader {
  #closed: SessionSummary[] = [];
  #open: SessionOpening[] = [];

  /**
   * Undefined while a hello is still incomplete. @throws {AgentError} "link.malformed" or
   * "link.other-version"
   */
  read(line: string): GatewayNews | undefined {
    const news = readMessage(LINK, NewsWire, line);
    switch (news.is) {
      case "hello-closed":
        this.#closed.push(...news.closed);
        return this.#bounded();
      case "hello-open":
        this.#open.push(...news.open);
        return this.#bounded();
      case "hello":
        return { ...news, open: [...this.#open.splice(0), ...news.open], closed: this.#closed.splice(0) };
      default:
        return news;
    }
  }

  #bounded(): undefined {
    if (this.#closed.length + this.#open.length > SESSIONS_A_HELLO_MAX)
      throw new AgentError("link.malformed", `A gateway's hello has more than ${SESSIONS_A_HELLO_MAX} sessions`, {
        retryable: true,
      });
  }
}

function requestToWire(request: SigningRequest): object {
  return { ...request, der: base64(request.der) };
}
