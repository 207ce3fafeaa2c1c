import { connect } from "node:net";
import type { AllowSet } from "../../core/allow-set.ts";
import { AgentError } from "../../core/errors.ts";
import type { Instant } from "../../core/instant.ts";
import { Queue } from "../../lifecycle/queue.ts";
import type { Clock } from "../../ports/clock.ts";
import type { GatewayNews } from "../../ports/control-link.ts";
import type { Gateway, GatewayEvent } from "../../ports/gateway.ts";
import type { Log } from "../../ports/log.ts";
import { Channel } from "./channel.ts";
import { NewsReader } from "./news-wire.ts";
import { orderToLine, type SentOrder } from "./order-wire.ts";
import { Wishes } from "./wishes.ts";

/** From the first attempt after a loss to the slowest: the gateway is a process of the same machine. */
const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 1_000;
/** A connection that lived this long was a good one: the next loss starts with the first delay again. */
const GOOD_MS = 1_000;
/** A gateway says hello at once. */
const HELLO_WITHIN_MS = 5_000;

export interface LinkClientOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** The gateway over its unix socket. Connects when `events` is called, and again 50 ms to 1 s after each loss, until its signal. */
export function connectToGateway(options: LinkClientOptions): Gateway {
  return new LinkClient(options);
}

class LinkClient implements Gateway {
  readonly #options: LinkClientOptions;
  #events = new Queue<GatewayEvent>();
  readonly #wishes = new Wishes();
  /** Only while the gateway has said hello. */
  #channel: Channel | undefined;

  constructor(options: LinkClientOptions) {
    this.#options = options;
  }

  events(signal: AbortSignal): AsyncIterable<GatewayEvent> {
    const events = new Queue<GatewayEvent>();
    this.#events = events;
    void this.#stayConnected(events, signal);
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
    this.#send({ is: "certify", keySpkiSha256, chainPem });
  }

  rotateKey(): void {
    this.#wishes.freshKey = true;
    this.#send({ is: "rotate-key" });
  }

  cutAll(): void {
    this.#wishes.cutAll = true;
    this.#send({ is: "cut-all" });
  }

  /** Not kept: a gateway that did not hear it tells of the records again. */
  acknowledge(sessionIds: readonly string[]): void {
    this.#send({ is: "acknowledge", sessionIds });
  }

  async #stayConnected(events: Queue<GatewayEvent>, signal: AbortSignal): Promise<void> {
    const { clock, log, path } = this.#options;
    for (let failures = 0; !signal.aborted; failures += 1) {
      const sinceMs = clock.now().monoMs;
      const fault = await this.#attend(signal);
      if (signal.aborted) break;
      if (fault !== undefined) log.warn({ err: fault, path }, "link.dropped");
      if (clock.now().monoMs - sinceMs > GOOD_MS) failures = 0;
      await clock.sleep(Math.min(FIRST_DELAY_MS * 2 ** Math.min(failures, 10), LONGEST_DELAY_MS), signal);
    }
    events.close();
  }

  /** One connection from its start to its end, whoever ends it. Never rejects. */
  async #attend(signal: AbortSignal): Promise<AgentError | undefined> {
    const reader = new NewsReader();
    const channel = new Channel(connect(this.#options.path), (line) => {
      const news = reader.read(line);
      if (news !== undefined) this.#hear(channel, news);
    });
    const end = (): void => channel.drop();
    const silent = setTimeout(() => {
      if (this.#channel !== channel) channel.drop(noHello());
    }, HELLO_WITHIN_MS);
    signal.addEventListener("abort", end);
    const fault = await channel.gone;
    signal.removeEventListener("abort", end);
    clearTimeout(silent);
    if (this.#channel === channel) {
      this.#channel = undefined;
      this.#events.push({ is: "lost" });
    }
    return fault;
  }

  #hear(channel: Channel, news: GatewayNews): void {
    const before = this.#channel;
    if (before === undefined && news.is !== "hello") throw noHello();
    this.#wishes.note(news);
    this.#events.push(news);
    if (news.is !== "hello") return;
    this.#channel = channel;
    for (const order of this.#wishes.orders()) this.#send(order);
  }

  #send(order: SentOrder): void {
    this.#channel?.send([orderToLine(order)]);
  }
}

function noHello(): AgentError {
  return new AgentError("link.no-hello", "The gateway's socket answers, but not with a gateway's hello", {
    retryable: true,
  });
}
