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
  readonly #on: ListenOn;
  #isClosed = false;

  constructor(on: ListenOn, arrive: (raw: Socket) => void) {
    this.#on = on;
    this.#server = createServer({
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
    });
    this.#server.on("connection", arrive);
  }

  /** Not where it was closed meanwhile. @throws {AgentError} "gateway.cannot-listen" */
  open(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const failed = (cause: Error): void => reject(cannotListen(this.#on, cause));
      this.#server.once("error", failed);
      this.#server.listen(this.#on, () => {
        this.#server.off("error", failed);
        resolve();
      });
    });
  }

  /** Failures to accept, for instance for want of file descriptors: the door stays open. */
  onError(tell: (failure: Error) => void): void {
    this.#server.on("error", tell);
  }

  /** `address:port`; undefined while it is closed. */
  get address(): string | undefined {
    const bound = this.#server.address();
    if (bound === null || typeof bound === "string") return undefined;
    return `${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`;
  }

  /** Takes nobody more in. Those who are in stay. */
  close(): void {
    this.#isClosed = true;
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
