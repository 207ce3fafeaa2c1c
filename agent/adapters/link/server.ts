import { chmod } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { Queue } from "../../lifecycle/queue.ts";
import type { ControlLink, ControlOrder, GatewayNews } from "../../ports/control-link.ts";
import type { Log } from "../../ports/log.ts";
import { Channel } from "./channel.ts";
import { newsToLines } from "./news-wire.ts";
import { orderFromLine } from "./order-wire.ts";
import { bind } from "./socket-file.ts";

/** How long the last words may take at the end. */
const FAREWELL_MS = 1_000;

export interface LinkServerOptions {
  readonly path: string;
  /** Of the socket's file; 0600 if absent. */
  readonly mode?: number;
  readonly log: Log;
}

/**
 * Waits for control on a unix socket: one JSON object a line.
 * @throws {AgentError} "link.cannot-listen": another gateway is there, or the directory is not ours.
 */
export async function listenForControl(options: LinkServerOptions): Promise<ControlLink> {
  const server = createServer();
  const link = new LinkServer(server, options.log);
  await bind(server, options.path);
  await chmod(options.path, options.mode ?? 0o600);
  return link;
}

class LinkServer implements ControlLink {
  faults = 0;
  readonly #server: Server;
  readonly #log: Log;
  readonly #orders = new Queue<ControlOrder>();
  #control: Channel | undefined;

  constructor(server: Server, log: Log) {
    this.#server = server;
    this.#log = log;
    server.on("error", (failure) => log.error({ err: failure }, "link.accept-failed"));
    server.on("connection", (socket) => {
      const channel = new Channel(socket, (line) => {
        const order = orderFromLine(line);
        if (this.#control === channel) this.#orders.push(order);
      });
      void this.#welcome(channel);
    });
  }

  orders(signal: AbortSignal): AsyncIterable<ControlOrder> {
    return this.#orders.drain(signal);
  }

  tell(news: GatewayNews): void {
    this.#control?.send(newsToLines(news));
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#orders.close();
    await this.#control?.finish(FAREWELL_MS);
    await closed;
  }

  async #welcome(channel: Channel): Promise<void> {
    this.#leave(this.#control);
    this.#control = channel;
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
