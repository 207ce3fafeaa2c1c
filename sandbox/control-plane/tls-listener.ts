import { constants } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from "node:tls";
import { listenOnFixedPort } from "../net/fixed-port.ts";

/** Who it is, and whom it believes. */
export interface Presented {
  readonly certPem: string;
  readonly keyPem: string;
  /**
   * Client certificates are asked for, and verified against this CA, or these; whether one is
   * needed is decided for each call.
   */
  readonly clientCaPem: string;
}

export interface TlsListenerOptions extends Presented {
  readonly host: string;
  /** 0: a free one that stays ours while nobody listens there. */
  readonly port: number;
  readonly onConnection: (socket: TLSSocket) => void;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * One TLS 1.3 port for callers with and without a client certificate: grpc-js itself can only
 * demand one of all, or ask none. It knows each of its connections, so that it can prove that none
 * is left.
 */
export class TlsListener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #host: string;
  #port: number;
  #onEmpty: () => void = () => undefined;

  private constructor(options: TlsListenerOptions) {
    this.#host = options.host;
    this.#port = options.port;
    this.#server = createServer({
      ...contextOf(options),
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => {
        this.#sockets.delete(socket);
        if (this.#sockets.size === 0) this.#onEmpty();
      });
    });
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
    this.#server.on("secureConnection", (socket) => {
      // Its http2 session tells of the failure; without a listener here it would end this process.
      socket.on("error", () => socket.destroy());
      if (socket.isSessionReused()) socket.destroy();
      else options.onConnection(socket);
    });
  }

  static async open(options: TlsListenerOptions): Promise<TlsListener> {
    const listener = new TlsListener(options);
    await listener.listen();
    return listener;
  }

  /** For handshakes from now on; connections that are open stay. */
  present(presented: Presented): void {
    this.#server.setSecureContext(contextOf(presented));
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Listens again after `stop`, on the same port. @throws {Error} EADDRINUSE and the like. */
  async listen(): Promise<void> {
    if (this.#server.listening) return;
    if (this.#port === 0) {
      this.#port = await listenOnFixedPort(this.#server, this.#host);
      return;
    }
    this.#server.listen(this.#port, this.#host);
    await once(this.#server, "listening");
  }

  /** Takes no new connections; those that are open stay. */
  stop(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Ends every connection at once, as a crash or a cut cable would. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Whether every connection is gone within `ms`. */
  async emptied(ms: number): Promise<boolean> {
    if (this.#sockets.size === 0) return true;
    let limit: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      limit = setTimeout(resolve, ms);
    });
    clearTimeout(limit);
    return this.#sockets.size === 0;
  }
}

function contextOf({ certPem, keyPem, clientCaPem }: Presented): SecureContextOptions {
  return {
    cert: certPem,
    key: keyPem,
    ca: clientCaPem,
    minVersion: "TLSv1.3",
    // A resumed session would carry a client certificate that is not checked again.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
