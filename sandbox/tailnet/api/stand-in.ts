import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../failure.ts";
import { listenIn, portOf } from "../listen-in.ts";
import { LOOPBACK, type Where } from "../where.ts";
import { type Answer, Refused } from "./answer.ts";
import { Clients } from "./clients.ts";
import type { Coordination } from "./coordination.ts";
import { type ApiContext, ENDPOINTS, endpointOf, type Noted } from "./endpoints.ts";
import { type ApiFault, ApiFaults, type Endpoint } from "./faults.ts";
import type { ApiRequest } from "./journal.ts";
import { readBody } from "./read-body.ts";

export interface TailnetApiOptions {
  readonly coordination: Coordination;
  /** Which tags own a tag, as in the tailnet's policy. Default: none. */
  readonly tagOwners?: Readonly<Record<string, readonly string[]>>;
  readonly where?: Where;
  /** Default 0: a free one. */
  readonly port?: number;
  readonly now?: () => number;
}

/**
 * Stands in for the few public endpoints of https://tailscale.com/api that a machine needs, with
 * their documented requests, answers and errors: OAuth's token, the exchange of a workload's own
 * token, a key, the removal of a device. What it hands out is good at `coordination`.
 */
export class TailnetApiStandIn implements AsyncDisposable {
  readonly clients: Clients;
  /** What it does wrong on purpose. */
  readonly faults = new ApiFaults();
  readonly #context: ApiContext;
  readonly #where: Where;
  readonly #port: number;
  readonly #requests: ApiRequest[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #closing = new AbortController();
  #server: Server | undefined;

  private constructor(options: TailnetApiOptions, port: number) {
    const { coordination, tagOwners = {}, where = {}, now = Date.now } = options;
    this.clients = new Clients(now);
    this.#context = { clients: this.clients, coordination, tagOwners, now };
    this.#where = where;
    this.#port = port;
  }

  static async listen(options: TailnetApiOptions): Promise<TailnetApiStandIn> {
    const door = await listenIn(options.where ?? {}, options.port);
    const api = new TailnetApiStandIn(options, portOf(door));
    api.#serve(door);
    return api;
  }

  /** The API's base: "http://127.0.0.1:1234", without a path. */
  get url(): string {
    return `http://${this.#where.host ?? LOOPBACK}:${this.#port}`;
  }

  /** In the order that they were answered in. */
  requests(): readonly ApiRequest[] {
    return this.#requests;
  }

  /** Nobody listens there any more, and open connections are cut. */
  async goDown(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((done) => server.close(() => done()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Listens at the same address again. */
  async comeUp(): Promise<void> {
    if (this.#server === undefined) this.#serve(await listenIn(this.#where, this.#port));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.goDown();
  }

  #serve(door: object): void {
    const server = createServer((request, response) => void this.#answer(request, response));
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#server = server.listen(door);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    const path = new URL(url, this.url).pathname;
    const endpoint = endpointOf(method, path);
    const noted: Noted = { clientId: "" };
    const status = await this.#respond(request, response, endpoint, noted).catch((failure: unknown) =>
      // Anything else: whoever asked has gone, or we are closing.
      failure instanceof Refused ? send(response, failure.answer) : 0,
    );
    this.#requests.push({ atMs: this.#context.now(), endpoint: endpoint ?? "unknown", method, path, ...noted, status });
  }

  async #respond(
    request: IncomingMessage,
    response: ServerResponse,
    endpoint: Endpoint | undefined,
    noted: Noted,
  ): Promise<number> {
    const body = await readBody(request);
    if (endpoint === undefined) return send(response, { status: 404, body: { message: "not found" } });
    const fault = this.faults.take(endpoint);
    if (fault?.kind === "reset") request.socket.resetAndDestroy();
    if (fault?.kind === "reset" || fault?.kind === "silent") return 0;
    if (fault?.kind === "slow") await sleep(fault.delayMs, undefined, { signal: this.#closing.signal });
    if (fault?.kind === "garbage") {
      response.writeHead(200, { "content-type": "text/html" }).end("<html><body>Please log in</body></html>");
      return 200;
    }
    return send(response, await this.#decide(endpoint, { request, body, noted, fault }));
  }

  async #decide(
    endpoint: Endpoint,
    asked: { request: IncomingMessage; body: string; noted: Noted; fault: ApiFault | undefined },
  ): Promise<Answer> {
    const { request, body, noted, fault } = asked;
    if (fault?.kind === "status") return { status: fault.status, body: { message: fault.message } };
    try {
      return await ENDPOINTS[endpoint](request, body, this.#context, noted);
    } catch (failure) {
      if (failure instanceof Refused) return failure.answer;
      return { status: 500, body: { message: messageOf(failure) } };
    }
  }
}

function send(response: ServerResponse, { status, body }: Answer): number {
  response
    .writeHead(status, { "content-type": "application/json" })
    .end(body === undefined ? "" : JSON.stringify(body));
  return status;
}
