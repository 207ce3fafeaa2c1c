import { fstatSync } from "node:fs";
import { AgentError } from "../../core/errors.ts";

/**
 * A listening socket that whoever started us has opened, maybe in another network than ours. It
 * stays open between two gateways: clients that come meanwhile wait in its queue.
 */
export class KeptSocket {
  /** For the log: only who opened it knows its address. */
  readonly where = { inheritedSocket: true };
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Lets `give` pass the descriptor on. @throws {AgentError} "gateway.cannot-listen" if it is no
   * socket.
   */
  async hand<T>(give: (fd: number) => T): Promise<T> {
    if (!isSocket(this.#fd))
      throw new AgentError(
        "gateway.cannot-listen",
        `LISTEN_FDS promises a listening socket, but descriptor ${this.#fd} is none: pass one, or unset it`,
        { retryable: false },
      );
    return give(this.#fd);
  }

  /** Whoever opened it closes it. */
  close(): void {}
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false;
  }
}
