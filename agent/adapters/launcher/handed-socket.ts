import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { AgentError } from "../../core/errors.ts";

/**
 * A TCP address whose listening socket is given away. Each time it is listened on anew, always on the same port, also where any free one was
 * asked for: clients must find the next gateway where the last one was.
 */
export class HandedSocket {
  readonly #host: string;
  #port: number;

  /** @param port 0: any free one, which is then kept. */
  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  get port(): number {
    return this.#port;
  }

  /**
   * Listens, lets `give` pass the socket on, and closes our own copy at once: no connection is ever accepted here.
   * @throws {AgentError} "gateway.cannot-listen"
   */
  async hand<T>(give: (listening: Server) => T): Promise<T> {
    const server = createServer((stray) => stray.destroy());
    try {
      server.listen({ host: this.#host, port: this.#port });
      await once(server, "listening");
    } catch (cause) {
      throw new AgentError("gateway.cannot-listen", `Cannot listen on ${this.#host}, port ${this.#port}`, {
        retryable: true,
        cause,
      });
    }
    try {
      const address = server.address();
      if (address !== null && typeof address === "object") this.#port = address.port;
      return give(server);
    } finally {
      server.close();
    }
  }
}
