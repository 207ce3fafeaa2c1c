import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Where a socket listens, or is reached. */
export type Endpoint = { readonly path: string } | { readonly host: string; readonly port: number };

/**
 * Takes connections at one place and carries their bytes to another, each end of a direction by
 * itself. What breaks on one side breaks on the other; if the other side cannot be reached, the
 * connection is closed.
 */
export class Forward implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(to: Endpoint) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      const far = connect({ ...to, allowHalfOpen: true, noDelay: true });
      this.#carry(near, far);
      this.#carry(far, near);
    });
  }

  /** @throws {Error} EADDRINUSE and the like. */
  static async listen(from: Endpoint, to: Endpoint): Promise<Forward> {
    const forward = new Forward(to);
    forward.#server.listen(from);
    await once(forward.#server, "listening");
    return forward;
  }

  /** Where it listens if that is TCP: also where any free port was asked for. */
  get port(): number {
    const address = this.#server.address();
    if (typeof address === "object" && address !== null) return address.port;
    throw new Error("This does not listen on TCP.");
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Cuts what is open. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #carry(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.once("close", (broke) => {
      this.#sockets.delete(from);
      // One that is over in both directions has ended the other by now, whose last bytes may still
      // be on their way.
      if (broke || !from.readableEnded || !from.writableFinished) to.destroy();
    });
  }
}
