import { createServer, type Server, type TLSSocket, type TlsOptions } from "node:tls";
import type { AnchorCa } from "../ports/peer-reader.ts";
import { endsOf, type Visitor } from "./visitor.ts";

export interface HandshakeEvents {
  /** The handshake is done, its chain verified against `cas`; nothing has been judged. */
  secured(visitor: Visitor, socket: TLSSocket, cas: readonly AnchorCa[]): void;
  /** It will never be done. The visitor's socket is still to be closed. */
  failed(visitor: Visitor, error: NodeJS.ErrnoException): void;
}

/**
 * Runs TLS handshakes on sockets that were accepted elsewhere. Each change of certificate or CAs makes a new server object: handshakes that
 * have begun finish with what they began with, sessions are not touched, and no option can be forgotten.
 */
export class Handshakes {
  readonly #events: HandshakeEvents;
  readonly #visitors = new Map<string, Visitor>();
  #server: Server | undefined;

  constructor(events: HandshakeEvents) {
    this.#events = events;
  }

  get ready(): boolean {
    return this.#server !== undefined;
  }

  /** @throws {Error} OpenSSL's, if a certificate, key or CA does not fit: what was in use stays. */
  use(options: TlsOptions, cas: readonly AnchorCa[]): void {
    const server = createServer(options);
    server.on("secureConnection", (socket) => {
      // Node emits nothing more of a socket without a listener but the end of the process.
      socket.on("error", () => undefined);
      const visitor = this.#visitorOf(socket);
      if (visitor === undefined) socket.destroy();
      else this.#events.secured(visitor, socket, cas);
    });
    server.on("tlsClientError", (error, socket) => {
      const visitor = this.#visitorOf(socket);
      if (visitor === undefined) socket.destroy();
      else this.#events.failed(visitor, error);
    });
    this.#server = server;
  }

  begin(visitor: Visitor): void {
    this.#visitors.set(visitor.ends, visitor);
    // The documented way to hand a socket to a server that did not accept it.
    this.#server?.emit("connection", visitor.raw);
  }

  forget(visitor: Visitor): void {
    this.#visitors.delete(visitor.ends);
  }

  /** Undefined if the far side went away in the same moment: its raw socket's `close` tells the rest. */
  #visitorOf(socket: TLSSocket): Visitor | undefined {
    const ends = endsOf(socket);
    return ends === undefined ? undefined : this.#visitors.get(ends);
  }
}
