import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { EXIT, SandboxFailure } from "../failure.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Addresses that could be listened on a moment ago; held open together, so that two free ports are
 * never the same.
 */
export class PortHold implements Disposable {
  readonly #servers: Server[] = [];

  /**
   * Listens, and gives port 0 a number.
   * @throws {SandboxFailure} when the address is in use, or not this machine's.
   */
  async take(address: Address): Promise<Address> {
    const server = createServer();
    this.#servers.push(server);
    try {
      server.listen(address.port, address.host);
      await once(server, "listening");
    } catch (cause) {
      throw cannotListen(address, cause);
    }
    const bound = server.address();
    return { host: address.host, port: typeof bound === "object" && bound !== null ? bound.port : address.port };
  }

  /** Lets go of all, for those who are to listen there. */
  [Symbol.dispose](): void {
    for (const server of this.#servers) server.close();
  }
}

export function cannotListen(address: Address, cause: unknown): SandboxFailure {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  const why = code === "EADDRINUSE" ? "something else listens there" : code;
  return new SandboxFailure(EXIT.unavailable, `Cannot listen on ${address.host}:${address.port}: ${why}.`, cause);
}
