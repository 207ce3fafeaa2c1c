import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { AgentError } from "../../core/errors.ts";

/**
 * A TCP address whose listening socket is given away. Each time it is listened on anew, always on
 * the same port, also where any free one was asked for: clients must find the next gateway where
 * the last one was.
 */
export class HandedSocket {
  readonly #host: string;
  #port: number;

  /** @param port 0: any free one, which is then kept. */
  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  /** For the log. */
  get where(): { readonly address: string; readonly port: number } {
    return { address: this.#host, port: this.#port };
  }

  /**
   * Listens, lets `give` pass the descriptor on, and closes our own copy at once: no connection is
   * ever accepted here.
   * @throws {AgentError} "gateway.cannot-listen"
   */
  async hand<T>(give: (fd: number) => T): Promise<T> {
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
      return give(descriptorOf(server));
    } finally {
      server.close();
    }
  }
}

/**
 * Node has no public name for it, and takes a server neither for a child's stdio (Node 20 wants a
 * stream).
 */
function descriptorOf(server: Server): number {
  const handle: unknown = Reflect.get(server, "_handle");
  const fd: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "fd") : undefined;
  if (typeof fd === "number" && fd >= 0) return fd;
  throw new AgentError(
    "gateway.cannot-listen",
    `Node ${process.version} does not tell a listening socket's descriptor`,
    {
      retryable: false,
    },
  );
}
