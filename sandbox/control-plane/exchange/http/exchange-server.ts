import { constants } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { performance } from "node:perf_hooks";
import { ExchangeRefusal } from "../exchange-refusal.ts";
import { refused, send } from "./answer.ts";
import { Rates } from "./rates.ts";
import { type RoutesContext, routed } from "./routes.ts";

export interface ExchangeServerOptions extends RoutesContext {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly certPem: string;
  readonly keyPem: string;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** For the whole request, from its first byte on. */
const REQUEST_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 5_000;
const IDLE_TIMEOUT_MS = 5_000;
/** A bearer token and little else. */
const HEADERS_MAX_BYTES = 8 * 1024;
const CONNECTIONS_MAX = 256;
/** How late Node may notice that one of these times is over. */
const LOOK_EVERY_MS = 1_000;
/** How long answers under way may take at the end. */
const GOODBYE_MS = 1_000;

/**
 * The exchange over HTTP/1.1 and TLS 1.3, on a port of its own: the one of the contract is for
 * machines, speaks HTTP/2 and asks for their certificates.
 */
export class ExchangeServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #options: ExchangeServerOptions;
  readonly #rates = new Rates(() => performance.now());
  readonly #ending = new AbortController();

  private constructor(options: ExchangeServerOptions) {
    this.#options = options;
    const { certPem: cert, keyPem: key } = options;
    this.#server = createServer(
      {
        ...{ cert, key, minVersion: "TLSv1.3", secureOptions: constants.SSL_OP_NO_TICKET },
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        maxHeaderSize: HEADERS_MAX_BYTES,
        requestTimeout: REQUEST_TIMEOUT_MS,
        headersTimeout: HEADERS_TIMEOUT_MS,
        keepAliveTimeout: IDLE_TIMEOUT_MS,
        connectionsCheckingInterval: LOOK_EVERY_MS,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** @throws {Error} EADDRINUSE and the like. */
  static async listen(options: ExchangeServerOptions): Promise<ExchangeServer> {
    const server = new ExchangeServer(options);
    server.#server.listen(options.port, options.host);
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("The exchange does not listen any more.");
    return address.port;
  }

  /** Builds that are being opened are given up; what is still open after a second is cut. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#ending.abort(new Error("The control plane is closing."));
    this.#server.closeIdleConnections();
    const overdue = setTimeout(() => this.#server.closeAllConnections(), GOODBYE_MS);
    await closed;
    clearTimeout(overdue);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const source = request.socket.remoteAddress ?? "";
    const gone = new AbortController();
    const undo: (() => void)[] = [];
    const end = (): void => gone.abort(this.#ending.signal.reason);
    this.#ending.signal.addEventListener("abort", end, { once: true });
    // Whoever went away wants nothing any more; reading fails then, too.
    request.on("error", () => undefined);
    response.once("close", () => {
      this.#ending.signal.removeEventListener("abort", end);
      if (response.writableFinished) return;
      gone.abort(new Error("Whoever asked has gone."));
      for (const each of undo) each();
    });
    const unlessDelivered = (each: () => void): void => {
      if (gone.signal.aborted) each();
      else undo.push(each);
    };
    const asked = { request, source, signal: gone.signal, unlessDelivered };
    try {
      this.#rates.admit(source);
      send(response, await routed(asked, this.#options));
    } catch (failure) {
      const isOver = this.#ending.signal.aborted;
      const why = isOver ? ExchangeRefusal.forNow("closing", "The control plane is closing.", failure) : failure;
      if (!response.destroyed) send(response, refused(why));
    }
  }
}
