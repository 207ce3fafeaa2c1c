import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { EXIT, SandboxFailure } from "../failure.ts";
import { listenOnFixedPort } from "../net/fixed-port.ts";

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
   * Listens, and gives port 0 a number that stays free for who closes it and opens it again.
   * @throws {SandboxFailure} when the address is in use, or not this machine's.
   */
  async take(address: Address): Promise<Address> {
    const server = createServer();
    this.#servers.push(server);
    try {
      if (address.port === 0) return { host: address.host, port: await listenOnFixedPort(server, address.host) };
      server.listen(address.port, address.host);
      await once(server, "listening");
      return address;
    } catch (cause) {
      throw cannotListen(address, cause);
    }
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
