import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { AgentError } from "../../core/errors.ts";

/**
 * Listens on a unix socket that only our own user may connect to. What a process that is gone has left at `path` is replaced.
 * @throws {AgentError} "launcher.already-running" if somebody answers there.
 */
export async function listenUnix(path: string, onConnection: (socket: Socket) => void): Promise<UnixListener> {
  if (await answers(path))
    throw new AgentError(
      "launcher.already-running",
      `Another launcher answers on ${path}: stop it first, or give this one a runtime directory of its own`,
      { retryable: false },
    );
  await rm(path, { force: true });
  const listener = new UnixListener(onConnection);
  await listener.listen(path);
  await chmod(path, 0o600);
  return listener;
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Closing it closes its connections too, and removes the socket's file. */
export class UnixListener implements AsyncDisposable {
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  constructor(onConnection: (socket: Socket) => void) {
    this.#server = createServer((socket) => {
      this.#open.add(socket);
      socket.once("close", () => this.#open.delete(socket));
      // Whoever reads learns of it; a connection that nobody reads has nobody to tell.
      socket.on("error", () => undefined);
      onConnection(socket);
    });
  }

  async listen(path: string): Promise<void> {
    this.#server.listen(path);
    await once(this.#server, "listening");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
    await closed;
  }
}
