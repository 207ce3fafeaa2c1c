import { once } from "node:events";
import { chmod, lstat, rm } from "node:fs/promises";
import { connect, createServer, type Server, Socket } from "node:net";
import { AgentError } from "../core/errors.ts";

export interface ListenOptions {
  readonly path: string;
  /** Of the socket's file: who may connect. */
  readonly mode: number;
  /** Connections beyond are closed at once. */
  readonly maxConnections: number;
  /** The error for a path that cannot be had, and why. */
  readonly refused: (why: string, cause?: unknown) => AgentError;
}

/**
 * Listens on a unix socket. A name that a dead process left there is taken over; a living one's is
 * not, and no other file is ever replaced. @throws what `refused` makes.
 */
export async function listenUnix(
  { path, mode, maxConnections, refused }: ListenOptions,
  onConnection: (socket: Socket) => void,
): Promise<UnixListener> {
  const listener = new UnixListener(maxConnections, onConnection);
  try {
    const kind = await kindOf(path);
    if (kind === "other") throw refused(`${path} is there, and is no socket`);
    if (kind === "socket" && (await answers(path)))
      throw refused(`another one answers on ${path}: stop it first, or give this one a runtime directory of its own`);
    await rm(path, { force: true });
    await listener.listen(path);
    await chmod(path, mode);
    return listener;
  } catch (cause) {
    throw cause instanceof AgentError ? cause : refused(`cannot listen on ${path}`, cause);
  }
}

/** Closing it closes its connections too, and takes the socket's name away. */
export class UnixListener implements AsyncDisposable {
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  constructor(maxConnections: number, onConnection: (socket: Socket) => void) {
    // Half open: an asker that has said everything may still be answered.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#open.add(socket);
      socket.once("close", () => this.#open.delete(socket));
      // Whoever reads learns of it; a connection that nobody reads has nobody to tell.
      socket.on("error", () => undefined);
      onConnection(socket);
    });
    this.#server.maxConnections = maxConnections;
  }

  async listen(path: string): Promise<void> {
    this.#server.listen(path);
    await once(this.#server, "listening");
  }

  /** After `listen`: a connection that could not be accepted, or was one too many. */
  onError(act: (failure: Error) => void): void {
    this.#server.on("error", act);
    this.#server.on("drop", () => act(tooMany(this.#server)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
    await closed;
  }
}

/**
 * For a listener of a unix socket that has as many connections as it may: Node closes one more
 * without a word to anybody.
 */
export function tooMany(server: Server): AgentError {
  const address = server.address();
  const place = typeof address === "string" ? address : "An inherited socket";
  const message = `${place} has ${server.maxConnections} connections, and one more was closed: see who holds them (ss -xp)`;
  return new AgentError("wire.too-many-connections", message, { retryable: true });
}

/**
 * The connection that systemd accepted for this process, as its standard input and output.
 * @throws {AgentError} "wire.no-connection" for a process that a person started.
 */
export function acceptedConnection(): Socket {
  try {
    return new Socket({ fd: 0, readable: true, writable: true, allowHalfOpen: true });
  } catch (cause) {
    throw new AgentError(
      "wire.no-connection",
      "Standard input is no connection: systemd starts this command for each one that it accepts",
      { retryable: false, cause },
    );
  }
}

async function kindOf(path: string): Promise<"none" | "socket" | "other"> {
  try {
    return (await lstat(path)).isSocket() ? "socket" : "other";
  } catch (failure) {
    if (failure instanceof Error && "code" in failure && failure.code === "ENOENT") return "none";
    throw failure;
  }
}

/** Whether somebody listens there: a name without a listener refuses at once. */
export async function answers(path: string): Promise<boolean> {
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
