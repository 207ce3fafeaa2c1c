import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { type MetadataFault, MetadataFaults } from "./faults.ts";
import { type Asked, page, type Replier, type Reply } from "./reply.ts";

const LOOPBACK = "127.0.0.1";
const FLOOD_BYTES = 1024 * 1024;

export interface MetadataServerOptions {
  readonly replier: Replier;
  /** A unix socket. Absent: a free port of 127.0.0.1. */
  readonly socketPath?: string;
  /** Wall time, as this server has it: its Date header. */
  readonly now?: () => number;
}

/**
 * Stands in for a platform's own service, on this machine's loopback or a unix socket and nowhere
 * else. What it answers is the replier's; what it does wrong is `faults`.
 */
export class MetadataServer implements AsyncDisposable {
  readonly faults = new MetadataFaults();
  readonly #server: Server;
  readonly #options: MetadataServerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #asked: Asked[] = [];
  readonly #closing = new AbortController();

  private constructor(options: MetadataServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      // Whoever asked has gone, or we are closing.
      this.#answer(request, response).catch(() => response.destroy());
    });
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  static async listen(options: MetadataServerOptions): Promise<MetadataServer> {
    const stands = new MetadataServer(options);
    const { socketPath } = options;
    await new Promise<void>((resolve, reject) => {
      stands.#server.once("error", reject);
      stands.#server.listen(socketPath === undefined ? { host: LOOPBACK, port: 0 } : { path: socketPath }, resolve);
    });
    return stands;
  }

  /** "http://127.0.0.1:1234". @throws {Error} of a unix socket there is none. */
  get url(): string {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("It listens on a unix socket, or no more");
    return `http://${LOOPBACK}:${address.port}`;
  }

  /** In the order that they came in. */
  requests(): readonly Asked[] {
    return this.#asked;
  }

  /** Open connections are cut. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "/", headers } = request;
    const { pathname: path, searchParams: query } = new URL(url, "http://localhost");
    const fault = this.faults.take(path);
    const asked = { method, path, query, headers, body: await text(request), isStale: fault?.kind === "stale" };
    this.#asked.push(asked);
    if (fault?.kind === "hang") return;
    if (fault?.kind === "reset") request.socket.resetAndDestroy();
    else if (fault?.kind === "noise") request.socket.end("SSH-2.0-OpenSSH_9.2\r\n");
    else await this.#send(response, fault, () => this.#options.replier(asked));
  }

  async #send(
    response: ServerResponse,
    fault: MetadataFault | undefined,
    reply: () => ReturnType<Replier>,
  ): Promise<void> {
    switch (fault?.kind) {
      case "status":
        return this.#write(response, page(fault.status));
      case "page":
        return this.#write(response, page(200));
      case "redirect":
        return this.#write(response, page(302, { Location: fault.to }));
      case "flood":
        return this.#write(response, { status: 200, type: "text/plain", body: "a".repeat(FLOOD_BYTES) });
      default: {
        const right = await reply();
        if (right !== undefined) await this.#spoil(response, right, fault);
      }
    }
  }

  async #spoil(response: ServerResponse, right: Reply, fault: MetadataFault | undefined): Promise<void> {
    const whole = Buffer.from(right.body);
    const half = whole.subarray(0, Math.floor(whole.length / 2));
    switch (fault?.kind) {
      case "type":
        return this.#write(response, { ...right, type: fault.type });
      case "halved":
        return this.#write(response, { ...right, body: half });
      case "truncated":
        this.#head(response, right);
        response.write(half, () => response.destroy());
        return;
      case "drip":
        this.#head(response, right);
        for (const byte of whole) {
          response.write(Uint8Array.of(byte));
          await sleep(fault.everyMs, undefined, { signal: this.#closing.signal });
        }
        response.end();
        return;
      default:
        return this.#write(response, right);
    }
  }

  #head(response: ServerResponse, { status, type, headers, body }: Reply): void {
    const { now = Date.now } = this.#options;
    response.writeHead(status, {
      ...headers,
      ...(type !== undefined && { "Content-Type": type }),
      "Content-Length": Buffer.byteLength(body),
      Date: new Date(now()).toUTCString(),
    });
  }

  #write(response: ServerResponse, reply: Reply): void {
    this.#head(response, reply);
    response.end(reply.body);
  }
}
