import { connect } from "node:net";
import type { AllowSet } from "../../core/allow-set.ts";
import { untilBeatMs } from "../../core/beat.ts";
import { AgentError } from "../../core/errors.ts";
import type { Instant } from "../../core/instant.ts";
import { ReadingPace } from "../../core/reading-pace.ts";
import { firstOf } from "../../lifecycle/branch.ts";
import type { Pulse } from "../../lifecycle/pulse.ts";
import type { Clock } from "../../ports/clock.ts";
import type { GatewayNews } from "../../ports/control-link.ts";
import type { Gateway, GatewayEvent } from "../../ports/gateway.ts";
import type { Log } from "../../ports/log.ts";
import { Channel } from "../../wire/channel.ts";
import { Inbox } from "../../wire/inbox.ts";
import { NewsReader } from "./news-reader.ts";
import { orderToLine, type SentOrder } from "./order-wire.ts";
import { LINK } from "./values.ts";
import { Wishes } from "./wishes.ts";

/**
 * From the first attempt after a loss to the slowest: the gateway is a process of the same machine.
 */
const FIRST_DELAY_MS = 25;
/**
 * While nobody is there: a gateway that starts has its orders as soon as it can take them, and a
 * look at a socket without anybody behind it costs a tenth of a millisecond.
 */
const ABSENT_DELAY_MS = 25;
/**
 * While nobody is there, but a gateway is at another place: together with the other looks of this
 * process, which wakes once for all of them.
 */
const EMPTY_EVERY_MS = 2_000;
/** While somebody answers wrongly, and each time is told in the log. */
const FAULTY_DELAY_MS = 1_000;
/**
 * A connection that lived this long was a good one: the next loss starts with the first delay
 * again.
 */
const GOOD_MS = 1_000;
/** A gateway says hello at once, and a long one without a pause. */
const HELLO_WITHIN_MS = 5_000;
/**
 * A gateway tells its figures every 5 s, one of an older release every 15 s (gateway/stats.ts).
 * After so many beats in a row without a line it hangs. Beats, and not one long timer: after a
 * stall of our own only one of them counts.
 */
const BEAT_MS = 6_000;
const SILENT_BEATS = 3;
/** Events that may wait to be read: beyond, the gateway waits. */
const EVENTS_MAX = 1_000;
/** Between two lines about a gateway that says too much. */
const HASTY_EVERY_MS = 60_000;
/** A hello's records may be acknowledged all at once. */
const IDS_A_LINE = 1_000;

export interface LinkClientOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: BEAT_MS. */
  readonly beatMs?: number;
  /** Of several places. Absent: there is this one. */
  readonly places?: {
    /** Whether a gateway is in sight at one of them: then an empty one is looked at less often. */
    readonly isTaken: () => boolean;
    /** Each time when one has become empty: its successor may take any. */
    readonly left: Pulse;
  };
}

/**
 * The gateway over its unix socket. Connects when `events` is called, and again 50 ms to 1 s after
 * each loss, until its signal. One that says nothing for 18 s counts as lost.
 */
export function connectToGateway(options: LinkClientOptions): Gateway {
  return new LinkClient(options);
}

/** Where events go, and who has to wait if there is no room. */
export type Sink = Pick<Inbox<GatewayEvent>, "push">;

export class LinkClient implements Gateway {
  /** Called when a look found that nobody listens: no process has this socket. */
  onAbsent: () => void = () => undefined;
  readonly #options: LinkClientOptions;
  readonly #wishes = new Wishes();
  /** Over all connections: one that is dropped for what it said comes again. */
  readonly #pace = new ReadingPace();
  #toldHastyMs = Number.NEGATIVE_INFINITY;
  /** Only while the gateway speaks our language: from its first line on. */
  #channel: Channel | undefined;
  /** Whether it has said hello: which key it has is known from there on. */
  #isGreeted = false;

  constructor(options: LinkClientOptions) {
    this.#options = options;
  }

  events(signal: AbortSignal): AsyncIterable<GatewayEvent> {
    const events = new Inbox<GatewayEvent>(EVENTS_MAX);
    void this.stayConnected(events, signal).then(() => events.close());
    return events.drain(signal);
  }

  allow(allowSet: AllowSet): void {
    this.#wishes.allowSet = allowSet;
    this.#send({ is: "allow", allowSet });
  }

  confirm(at: Instant): void {
    if (this.#wishes.allowSet === undefined) return;
    this.#wishes.allowSet = { ...this.#wishes.allowSet, confirmedAt: at };
    this.#send({ is: "confirm", at });
  }

  certify(keySpkiSha256: string, chainPem: string): void {
    this.#wishes.certificate = { keySpkiSha256, chainPem };
    if (this.#isGreeted) this.#send({ is: "certify", keySpkiSha256, chainPem });
  }

  rotateKey(): void {
    this.#wishes.freshKey = true;
    if (this.#isGreeted) this.#send({ is: "rotate-key" });
  }

  cutAll(): void {
    this.#wishes.cutAll = true;
    this.#send({ is: "cut-all" });
  }

  /** Not kept: a gateway that did not hear it tells of the records again. */
  acknowledge(sessionIds: readonly string[]): void {
    for (let from = 0; from < sessionIds.length; from += IDS_A_LINE)
      this.#send({ is: "acknowledge", sessionIds: sessionIds.slice(from, from + IDS_A_LINE) });
  }

  /** Of the run that is connected; another has to be asked to end by itself. */
  retire(): void {
    this.#send({ is: "retire" });
  }

  /** Tells `events` everything until `signal`. Never rejects. */
  async stayConnected(events: Sink, signal: AbortSignal): Promise<void> {
    const { clock, log, path, places } = this.#options;
    for (let failures = 0; !signal.aborted; failures += 1) {
      const sinceMs = clock.now().monoMs;
      const fault = await this.#attend(events, signal);
      if (signal.aborted) break;
      if (fault !== undefined) log.warn({ err: fault, path }, "link.dropped");
      if (clock.now().monoMs - sinceMs > GOOD_MS) failures = 0;
      const longestMs = fault === undefined ? ABSENT_DELAY_MS : FAULTY_DELAY_MS;
      const isSpare = fault === undefined && places?.isTaken() === true;
      const pauseMs = isSpare
        ? untilBeatMs(clock.now(), EMPTY_EVERY_MS)
        : Math.min(FIRST_DELAY_MS * 2 ** Math.min(failures, 10), longestMs);
      if (places === undefined) await clock.sleep(pauseMs, signal);
      else
        await firstOf(
          signal,
          (one) => clock.sleep(pauseMs, one),
          (one) => places.left.next(one),
        );
    }
  }

  /** One connection from its start to its end, whoever ends it. Never rejects. */
  async #attend(events: Sink, signal: AbortSignal): Promise<AgentError | undefined> {
    const { path, beatMs = BEAT_MS } = this.#options;
    const reader = new NewsReader();
    const silent = setTimeout(() => channel.drop(noHello()), HELLO_WITHIN_MS);
    let beats = 0;
    const beat = setTimeout(() => {
      beats += 1;
      if (beats === SILENT_BEATS) channel.drop(hangs(beats * beatMs));
      else beat.refresh();
    }, beatMs);
    const socket = connect(path);
    let isAbsent = false;
    socket.once("error", (failure) => (isAbsent = saysNobodyListens(failure)));
    const hear = (line: string): void => {
      beats = 0;
      beat.refresh();
      const news = reader.read(line);
      if (this.#channel !== channel) this.#begin(channel);
      if (news === undefined) silent.refresh();
      else if (news.is === "hello") clearTimeout(silent);
      // What comes before the hello is passed over: the hello has it.
      else if (!this.#isGreeted) return;
      if (news !== undefined) this.#hear(news, channel, events);
    };
    const paced = { pace: this.#pace, onPause: () => this.#noteHaste() };
    const channel = new Channel(socket, LINK, hear, { paced });
    const end = (): void => channel.drop();
    signal.addEventListener("abort", end);
    const fault = await channel.gone;
    signal.removeEventListener("abort", end);
    clearTimeout(silent);
    clearTimeout(beat);
    if (this.#channel === channel) {
      this.#channel = undefined;
      if (this.#isGreeted) events.push({ is: "lost" });
    }
    if (isAbsent) this.onAbsent();
    return fault;
  }

  /**
   * Orders that concern no key go out at the gateway's first line: a revocation does not wait for
   * the end of a long hello.
   */
  #begin(channel: Channel): void {
    this.#channel = channel;
    this.#isGreeted = false;
    for (const order of this.#wishes.orders()) if (!concernsKey(order)) this.#send(order);
  }

  #hear(news: GatewayNews, channel: Channel, events: Sink): void {
    this.#wishes.note(news);
    events.push(news, channel);
    if (news.is !== "hello") return;
    this.#isGreeted = true;
    for (const order of this.#wishes.orders()) if (concernsKey(order)) this.#send(order);
  }

  #noteHaste(): void {
    const { clock, log, path } = this.#options;
    const { monoMs } = clock.now();
    if (monoMs - this.#toldHastyMs < HASTY_EVERY_MS) return;
    this.#toldHastyMs = monoMs;
    log.warn({ err: hasty(path), path }, "link.hasty");
  }

  #send(order: SentOrder): void {
    this.#channel?.send(orderToLine(order));
  }
}

function concernsKey({ is }: SentOrder): boolean {
  return is === "certify" || is === "rotate-key";
}

/** A living process that hangs does not refuse: its connections wait. */
function saysNobodyListens(failure: NodeJS.ErrnoException): boolean {
  return failure.code === "ECONNREFUSED" || failure.code === "ENOENT";
}

function hangs(silentMs: number): AgentError {
  const message = `Nothing came from the gateway for ${silentMs / 1_000} s, though it says something every 5 s: it hangs`;
  return new AgentError("link.silent", message, { retryable: true });
}

function hasty(path: string): AgentError {
  const message = `Whoever answers at ${path} says more than a gateway has to say: the rest waits to be read`;
  return new AgentError("link.hasty", message, { retryable: true });
}

function noHello(): AgentError {
  return new AgentError("link.no-hello", "The gateway's socket answers, but not with a gateway's hello", {
    retryable: true,
  });
}
