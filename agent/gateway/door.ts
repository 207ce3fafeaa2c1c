import { createServer, type Server, type Socket } from "node:net";
import { AgentError } from "../core/errors.ts";
import type { ListenOn } from "./parts.ts";

/**
 * How long a silent client may be gone before the kernel asks after it: a VM pays for each
 * forgotten session.
 */
const KEEP_ALIVE_AFTER_MS = 60_000;

/** The listening socket. It accepts and nothing else. */
export class Door {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws {AgentError} "gateway.cannot-listen" */
  static open(on: ListenOn, arrive: (raw: Socket) => void): Promise<Door> {
    const server = createServer({
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
    });
    server.on("connection", arrive);
    return new Promise((resolve, reject) => {
      const failed = (cause: Error): void => reject(cannotListen(on, cause));
      server.once("error", failed);
      server.listen(on, () => {
        server.off("error", failed);
        resolve(new Door(server));
      });
    });
  }

  /** Failures to accept, for instance for want of file descriptors: the door stays open. */
  onError(tell: (failure: Error) => void): void {
    this.#server.on("error", tell);
  }

  /** `address:port`; undefined once closed. */
  get address(): string | undefined {
    const bound = this.#server.address();
    if (bound === null || typeof bound === "string") return undefined;
    return `${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`;
  }

  /** Takes nobody more in. Those who are in stay. */
  close(): void {
    this.#server.close();
  }
}

function cannotListen(on: ListenOn, cause: Error): AgentError {
  const where = "fd" in on ? `the inherited socket ${on.fd}` : `${on.host}:${on.port}`;
  return new AgentError(
    "gateway.cannot-listen",
    `The gateway cannot listen on ${where}; free the port, or set gateway.listen`,
    { retryable: true, cause },
  );
}
