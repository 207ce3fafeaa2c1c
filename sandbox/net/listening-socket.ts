import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { EXIT, SandboxFailure } from "../failure.ts";
import type { Address } from "../stack/free-port.ts";

/**
 * A listening socket that is given to a child, as a service manager opens one for a service. It
 * stays in this process's network, wherever the child is. No connection is ever accepted here.
 */
export class ListeningSocket implements Disposable {
  readonly address: Address;
  /** Good until disposal; whoever inherited it before keeps it open. */
  readonly fd: number;
  readonly #server: Server;

  private constructor(server: Server, address: Address, fd: number) {
    this.#server = server;
    this.address = address;
    this.fd = fd;
  }

  /**
   * Listens; port 0 becomes a free one.
   * @throws {SandboxFailure} when the address is in use, or not this machine's.
   */
  static async open({ host, port }: Address): Promise<ListeningSocket> {
    const server = createServer((stray) => stray.destroy());
    try {
      server.listen(port, host);
      await once(server, "listening");
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
      const why = code === "EADDRINUSE" ? "something else listens there" : code;
      throw new SandboxFailure(EXIT.unavailable, `Cannot listen on ${host}:${port}: ${why}.`, cause);
    }
    const bound = server.address();
    const actual = typeof bound === "object" && bound !== null ? bound.port : port;
    return new ListeningSocket(server, { host, port: actual }, descriptorOf(server));
  }

  [Symbol.dispose](): void {
    this.#server.close();
  }
}

/** Node has no public name for it. */
function descriptorOf(server: Server): number {
  const handle: unknown = Reflect.get(server, "_handle");
  const fd: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "fd") : undefined;
  if (typeof fd === "number" && fd >= 0) return fd;
  throw new SandboxFailure(EXIT.software, `Node ${process.version} does not tell a listening socket's descriptor.`);
}
