import { z } from "zod";
import type { SessionOpening, SessionSummary } from "../../core/session.ts";
import type { GatewayNews } from "../../ports/control-link.ts";
import type { GatewayStats } from "../../ports/gateway.ts";
import type { SigningRequest } from "../../ports/keys.ts";
import { BigInteger, Bytes, base64, Count, Sha256Hex } from "./values.ts";
import { fromLine, toLine } from "./wire.ts";

/** A hello may carry 100,000 records: they go ahead of it in lines of at most this many, and the receiver puts them together. */
const RECORDS_A_LINE = 1_000;

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
  ending: z.enum([
    "client-closed",
    "buildkit-closed",
    "client-error",
    "buildkit-error",
    "build-ended",
    "build-revoked",
    "grant-expired",
    "certificate-expired",
    "ca-withdrawn",
    "drain-deadline",
    "gateway-lost",
  ]),
  detail: z.string(),
});

const RequestWire: z.ZodType<SigningRequest> = z.object({ der: Bytes, spkiSha256: Sha256Hex });

const StatsWire: z.ZodType<GatewayStats> = z.object({
  listening: z.boolean(),
  address: z.string().exactOptional(),
  accepted: Count,
  refused: z.record(z.string(), Count),
  pendingHandshakes: Count,
  openSessions: Count,
  bytesFromClients: Count,
  bytesToClients: Count,
  residentBytes: Count,
  eventLoopDelayP99Ms: z.number(),
  recordsDropped: Count,
  linkFaults: Count,
  progress: z.array(z.tuple([z.string(), Count, Count])),
});

const NewsWire = z.discriminatedUnion("is", [
  z.object({ is: z.literal("hello-closed"), closed: z.array(SummaryWire) }),
  z.object({
    is: z.literal("hello"),
    runId: z.string(),
    request: RequestWire,
    servingNotAfterMs: z.number().exactOptional(),
    open: z.array(OpeningWire),
  }),
  z.object({ is: z.literal("request"), request: RequestWire }),
  z.object({ is: z.literal("certified"), notAfterMs: z.number() }),
  z.object({ is: z.literal("applied"), revision: BigInteger, epoch: z.string() }),
  z.object({ is: z.literal("opened"), opening: OpeningWire }),
  z.object({ is: z.literal("closed"), summary: SummaryWire }),
  z.object({ is: z.literal("cut"), sessions: Count }),
  z.object({ is: z.literal("stats"), stats: StatsWire }),
]);

export function newsToLines(news: GatewayNews): readonly string[] {
  switch (news.is) {
    case "hello": {
      const { closed, ...hello } = news;
      const batches = Array.from({ length: Math.ceil(closed.length / RECORDS_A_LINE) }, (_, at) =>
        toLine({ is: "hello-closed", closed: closed.slice(at * RECORDS_A_LINE, (at + 1) * RECORDS_A_LINE) }),
      );
      return [...batches, toLine({ ...hello, request: requestToWire(hello.request) })];
    }
    case "request":
      return [toLine({ ...news, request: requestToWire(news.request) })];
    case "applied":
      return [toLine({ ...news, revision: String(news.revision) })];
    case "certified":
    case "opened":
    case "closed":
    case "cut":
    case "stats":
      return [toLine(news)];
    default:
      return news satisfies never;
  }
}

/** Reads what one connection brings. */
export class NewsReader {
  #closed: SessionSummary[] = [];

  /** Undefined while a hello is still incomplete. @throws {AgentError} "link.malformed" or "link.other-version" */
  read(line: string): GatewayNews | undefined {
    const news = fromLine(NewsWire, line);
    if (news.is === "hello-closed") {
      for (const summary of news.closed) this.#closed.push(summary);
      return undefined;
    }
    if (news.is !== "hello") return news;
    return { ...news, closed: this.#closed.splice(0) };
  }
}

function requestToWire(request: SigningRequest): object {
  return { ...request, der: base64(request.der) };
}
