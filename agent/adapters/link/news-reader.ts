import { z } from "zod";
import { isId } from "../../core/build-identity.ts";
import { AgentError } from "../../core/errors.ts";
import { SESSION_ENDINGS, type SessionOpening, type SessionSummary } from "../../core/session.ts";
import type { GatewayNews } from "../../ports/control-link.ts";
import type { GatewayStats } from "../../ports/gateway.ts";
import type { SigningRequest } from "../../ports/keys.ts";
import { readMessage } from "../../wire/protocol.ts";
import type { Hello } from "./news-wire.ts";
import { BIG_INTEGER, LINK, SHA256_HEX, TEXT_MAX } from "./values.ts";

/** JSON has no integers beyond 2^53: they travel as decimal text. */
const BigInteger = z
  .string()
  .regex(BIG_INTEGER)
  .transform((text) => BigInt(text));

/** Base64. */
const Bytes = z.base64().transform((text): Uint8Array => new Uint8Array(Buffer.from(text, "base64")));

const Sha256Hex = z.string().regex(SHA256_HEX);

const Count = z.int().nonnegative();

/** The last moment that RFC 3339 and the contract's timestamps can say: the end of year 9999. */
const LAST_MOMENT_MS = 253_402_300_799_999;

/** Unix milliseconds that a date can be made of, and told to a control plane. */
const Moment = z.number().min(0).max(LAST_MOMENT_MS);

/** As the contract tells it in 32 bits. */
const Count32 = z
  .int()
  .nonnegative()
  .max(2 ** 32 - 1);

const Id = z.string().refine(isId, "not an id");
const Name = z.string().max(TEXT_MAX.name);
const Short = z.string().max(TEXT_MAX.short);
const Detail = z.string().max(TEXT_MAX.detail);

/** A list whose length is looked at before its items are: each that does not fit is a report. */
function atMost<Item extends z.ZodType>(count: number, item: Item) {
  return z.array(z.unknown()).max(count).pipe(z.array(item));
}

/** A gateway of an older release sends a thousand. */
const SESSIONS_READ_MAX = 1_000;
/** More than a gateway keeps: a hello of more has no end. */
const SESSIONS_A_HELLO_MAX = 250_000;
/** The same in characters, twice what 100,000 records have: it is held in memory whole. */
const HELLO_MAX_CHARS = 96 * 1024 * 1024;
/** As many sessions as a gateway may be told to have open at most (`gateway.maxConnections`). */
const OPEN_MAX = 65_536;
const COUNTS_MAX = 256;

const Opening = {
  sessionId: Name,
  build: z.object({ orgId: Id, projectId: Id, buildId: Id }),
  peer: Short,
  certificateSerial: Short,
  keySpkiSha256: Sha256Hex,
  openedAtMs: Moment,
};
const OpeningWire: z.ZodType<SessionOpening> = z.object(Opening);

const SummaryWire: z.ZodType<SessionSummary> = z.object({
  ...Opening,
  durationMs: Moment,
  bytesFromClient: Count,
  bytesToClient: Count,
  refusedCalls: Count32.exactOptional(),
  // "other" is of a journal alone.
  ending: z.enum(SESSION_ENDINGS).exclude(["other"]),
  detail: Detail,
});

const RequestWire: z.ZodType<SigningRequest> = z.object({ der: Bytes, spkiSha256: Sha256Hex });

/** By reason or by method, of which there are a few dozen. */
const Counts = z.record(Name, Count).refine((counts) => Object.keys(counts).length <= COUNTS_MAX, "too many");

const StatsWire: z.ZodType<GatewayStats> = z.object({
  listening: z.boolean(),
  address: Short.exactOptional(),
  accepted: Count,
  refused: Counts,
  // A gateway of the release before, which runs on while control is upgraded, counts none.
  refusedCalls: Counts.default({}),
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
  copiedSessions: Count.default(0),
  progress: atMost(OPEN_MAX, z.tuple([Name, Count, Count])),
});

const NewsWire = z.discriminatedUnion("is", [
  z.object({ is: z.literal("hello-closed"), closed: atMost(SESSIONS_READ_MAX, SummaryWire) }),
  z.object({ is: z.literal("hello-open"), open: atMost(SESSIONS_READ_MAX, OpeningWire) }),
  z.object({
    is: z.literal("hello"),
    runId: Name,
    request: RequestWire,
    servingNotAfterMs: Moment.exactOptional(),
    applied: z.object({ revision: BigInteger, epoch: Detail }).exactOptional(),
    open: atMost(SESSIONS_READ_MAX, OpeningWire),
    startedMonoMs: z.number().exactOptional(),
    retired: z.literal(true).exactOptional(),
  }),
  z.object({ is: z.literal("request"), request: RequestWire }),
  z.object({ is: z.literal("certified"), notAfterMs: Moment }),
  z.object({ is: z.literal("applied"), revision: BigInteger, epoch: Detail }),
  z.object({ is: z.literal("opened"), opening: OpeningWire }),
  z.object({ is: z.literal("closed"), summary: SummaryWire }),
  z.object({ is: z.literal("cut"), sessions: Count }),
  z.object({ is: z.literal("stats"), stats: StatsWire }),
]);

/** Reads what one connection brings: one gateway's hello, and what it tells of its sessions. */
export class NewsReader {
  #closed: SessionSummary[] = [];
  #open: SessionOpening[] = [];
  #helloChars = 0;
  /** The run that said hello; of other runs it knows nothing. */
  #runId: string | undefined;
  readonly #openIds = new Set<string>();

  /**
   * Undefined while a hello is still incomplete. @throws {AgentError} "link.malformed" or
   * "link.other-version"
   */
  read(line: string): GatewayNews | undefined {
    const news = readMessage(LINK, NewsWire, line);
    switch (news.is) {
      case "hello-closed":
        this.#closed.push(...news.closed);
        return this.#bounded(line.length);
      case "hello-open":
        this.#open.push(...news.open);
        return this.#bounded(line.length);
      case "hello":
        return this.#begun({ ...news, open: [...this.#open.splice(0), ...news.open], closed: this.#closed.splice(0) });
      case "opened":
        this.#opens(news.opening.sessionId);
        return news;
      case "closed":
        this.#openIds.delete(news.summary.sessionId);
        return news;
      default:
        return news;
    }
  }

  #begun(hello: Hello): Hello {
    if (this.#runId !== undefined) throw untrue("says hello twice on one connection");
    this.#runId = hello.runId;
    for (const { sessionId } of hello.open) this.#opens(sessionId);
    return hello;
  }

  /** Each is held until it closes. */
  #opens(sessionId: string): void {
    this.#openIds.add(sessionId);
    if (this.#openIds.size > OPEN_MAX) throw untrue(`has more than ${OPEN_MAX} sessions open`);
  }

  #bounded(chars: number): undefined {
    this.#helloChars += chars;
    if (this.#runId !== undefined) throw untrue("says hello twice on one connection");
    if (this.#closed.length + this.#open.length > SESSIONS_A_HELLO_MAX)
      throw untrue(`says a hello of more than ${SESSIONS_A_HELLO_MAX} sessions`);
    if (this.#helloChars > HELLO_MAX_CHARS) throw untrue(`says a hello of more than ${HELLO_MAX_CHARS} characters`);
  }
}

/** No gateway of ours says so. */
function untrue(what: string): AgentError {
  return new AgentError("link.malformed", `What calls itself a gateway ${what}`, { retryable: true });
}
