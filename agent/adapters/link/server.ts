import type { Socket } from "node:net";
import { AgentError } from "../../core/errors.ts";
import { ReadingPace } from "../../core/reading-pace.ts";
import type { ControlLink, ControlOrder, GatewayNews } from "../../ports/control-link.ts";
import type { Log } from "../../ports/log.ts";
import { Channel } from "../../wire/channel.ts";
import { Inbox } from "../../wire/inbox.ts";
import { listenUnix, type UnixListener } from "../../wire/listener.ts";
import { helloLines, newsToLine } from "./news-wire.ts";
import { orderFromLine } from "./order-wire.ts";
import { LINK } from "./values.ts";

/** How long the last words may take at the end. */
const FAREWELL_MS = 1_000;
/** Orders that may wait to be obeyed. Control gives some in a second. */
const ORDERS_MAX = 1_000;
/** The newest one is control. Others are those that it is about to replace. */
const CONNECTIONS_MAX = 8;

export interface LinkServerOptions {
  readonly path: string;
  /** Of the socket's file; 0600 if absent. */
  readonly mode?: number;
  readonly log: Log;
}

/**
 * Waits for control on a unix socket: one JSON object a line.
 * @throws {AgentError} "link.cannot-listen": another gateway is there, or the directory is not
 * ours.
 */
export async function listenForControl({ path, mode = 0o600, log }: LinkServerOptions): Promise<ControlLink> {
  const refused = (why: string, cause?: unknown): AgentError =>
    new AgentError("link.cannot-listen", `The gateway cannot listen for control: ${why}`, { retryable: false, cause });
  const link = new LinkServer(log);
  const listener = await listenUnix({ path, mode, maxConnections: CONNECTIONS_MAX, refused }, (socket) =>
    link.accept(socket),
  );
  listener.onError((err) => log.error({ err }, "link.accept-failed"));
  link.listener = listener;
  return link;
}

class LinkServer implements ControlLink {
  faults = 0;
  /** Set before anybody can close it. */
  listener: UnixListener | undefined;
  readonly #log: Log;
  readonly #orders = new Inbox<ControlOrder>(ORDERS_MAX);
  /** Over all connections. Builds' bytes are carried by the same thread. */
  readonly #pace = new ReadingPace();
  #control: Channel | undefined;
  /** Whether control has been told hello: before, it is told nothing else. */
  #isGreeted = false;

  constructor(log: Log) {
    this.#log = log;
  }

  orders(signal: AbortSignal): AsyncIterable<ControlOrder> {
    return this.#orders.drain(signal);
  }

  /**
   * A hello is the whole of what is known when it is told, so that what was told before it is in
   * it, and is not sent.
   */
  tell(news: GatewayNews): void {
    if (news.is === "hello") {
      this.#isGreeted = true;
      this.#control?.sendLazily(helloLines(news));
    } else if (this.#isGreeted) this.#control?.send(newsToLine(news));
  }

  async close(): Promise<void> {
    this.#orders.close();
    await this.#control?.finish(FAREWELL_MS);
    await this.listener?.[Symbol.asyncDispose]();
  }

  accept(socket: Socket): void {
    const hear = (line: string): void => {
      const order = orderFromLine(line);
      if (this.#control === channel) this.#orders.push(order, channel);
    };
    const channel = new Channel(socket, LINK, hear, { paced: { pace: this.#pace }, gathers: true });
    void this.#welcome(channel);
  }

  async #welcome(channel: Channel): Promise<void> {
    this.#leave(this.#control);
    this.#control = channel;
    this.#isGreeted = false;
    this.#orders.push({ is: "connected" });
    const fault = await channel.gone;
    if (fault !== undefined) {
      this.faults += 1;
      this.#log.error({ err: fault }, "link.dropped");
    }
    if (this.#control === channel) this.#leave(channel);
  }

  /** The newer connection is the true one: the older may be of a process that hangs. */
  #leave(channel: Channel | undefined): void {
    if (channel === undefined) return;
    this.#control = undefined;
    channel.drop();
    this.#orders.push({ is: "lost" });
  }
}
