import { rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { Sightings } from "./sightings.ts";

/**
 * Stands where BuildKit stands: a unix socket, and behind it whatever a test wants. It proves that
 * no connection was forgotten.
 */
export class FarEnd implements AsyncDisposable {
  readonly path: string;
  readonly connections = new Sightings<Socket>();
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor(path: string, serve: (socket: Socket) => void) {
    this.path = path;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#open.add(socket);
      socket.on("close", () => this.#open.delete(socket));
      socket.on("error", () => undefined);
      serve(socket);
      this.connections.see(socket);
    });
  }

  static async listen(path: string, serve: (socket: Socket) => void = echo): Promise<FarEnd> {
    const far = new FarEnd(path, serve);
    await new Promise<void>((resolve) => far.#server.listen(path, resolve));
    return far;
  }

  get open(): number {
    return this.#open.size;
  }

  /** Resolves when nobody is connected. */
  async deserted(): Promise<void> {
    while (this.#open.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.path, { force: true });
  }
}

/** Gives back what it gets, the end included. */
export function echo(socket: Socket): void {
  socket.pipe(socket);
}
