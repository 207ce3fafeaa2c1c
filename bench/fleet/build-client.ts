import { connect, type TLSSocket } from "node:tls";
import { Deadline } from "../../sandbox/deadline.ts";
import { WELCOME } from "./machine/gateway.ts";
import { overWith } from "./over-with.ts";

/** What a build's client was given. */
export interface ClientTicket {
  readonly certPem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

const HANDSHAKE_DEADLINE_MS = 30_000;

/** A build's connection through a gateway to the echo behind it. */
export class BuildSession implements Disposable {
  readonly #socket: TLSSocket;
  #ended = false;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("close", () => (this.#ended = true));
  }

  /**
   * Resolves once the far side has let it in: a TLS 1.3 client is done before it was judged.
   * @throws {Error} if it is turned away, or nothing comes within half a minute.
   */
  static async open(port: number, serverName: string, ticket: ClientTicket, outer: AbortSignal): Promise<BuildSession> {
    using deadline = new Deadline(HANDSHAKE_DEADLINE_MS, outer);
    const { certPem: cert, keyPem: key, caPem: ca } = ticket;
    const socket = connect({
      host: "127.0.0.1",
      port,
      servername: serverName,
      cert,
      key,
      ca,
      minVersion: "TLSv1.3",
      ALPNProtocols: ["h2"],
    });
    socket.on("error", () => socket.destroy());
    const session = new BuildSession(socket);
    try {
      await session.#hears(WELCOME, deadline.signal);
      return session;
    } catch (cause) {
      socket.destroy();
      throw new Error("The gateway did not let this build in.", { cause });
    }
  }

  /** Whether the connection is still there. */
  get isOpen(): boolean {
    return !this.#ended;
  }

  /** Sends a byte and waits until it has come back. @throws {Error} if it does not. */
  async ping(outer: AbortSignal): Promise<void> {
    using deadline = new Deadline(HANDSHAKE_DEADLINE_MS, outer);
    this.#socket.write(".");
    await this.#hears(".", deadline.signal);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #hears(wanted: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = (act: () => void): void => {
        this.#socket.off("data", heard);
        this.#socket.off("close", closed);
        signal.removeEventListener("abort", late);
        act();
      };
      const heard = (bytes: Buffer): void => {
        if (bytes.toString("latin1").includes(wanted)) over(resolve);
      };
      const closed = (): void => over(() => reject(new Error("The connection was closed.")));
      const late = (): void => over(() => reject(overWith(signal)));
      this.#socket.on("data", heard);
      this.#socket.on("close", closed);
      signal.addEventListener("abort", late, { once: true });
      if (this.#ended) closed();
      else if (signal.aborted) late();
    });
  }
}
