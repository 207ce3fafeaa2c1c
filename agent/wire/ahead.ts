import { connect, type Socket } from "node:net";

/**
 * Connections that are opened before there is anything to ask: where a process starts for each, it
 * starts meanwhile. One at a time; who answers may give it up, and then the next is a new one.
 */
export class Ahead {
  readonly #socketPath: string;
  #spare: Socket | undefined;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** It keeps no process alive. */
  open(): void {
    if (this.#spare !== undefined) return;
    const socket = connect(this.#socketPath).unref();
    // Nothing comes before a request, but its end.
    for (const event of ["readable", "close", "error"] as const) socket.on(event, () => this.#drop(socket));
    this.#spare = socket;
  }

  /** For one request; the caller's from now on. */
  take(): Socket {
    const socket = this.#spare;
    this.#spare = undefined;
    return socket?.removeAllListeners("readable").ref() ?? connect(this.#socketPath);
  }

  #drop(socket: Socket): void {
    if (this.#spare !== socket) return;
    this.#spare = undefined;
    socket.destroy();
  }
}
