import { once } from "node:events";
import { createServer } from "node:net";
import { EXIT, SandboxFailure } from "../failure.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Makes sure that an address can be listened on, now, and gives port 0 a number.
 * @throws {SandboxFailure} when it is in use, or not this machine's.
 */
export async function claimable(address: Address): Promise<Address> {
  const server = createServer();
  try {
    server.listen(address.port, address.host);
    await once(server, "listening");
    const bound = server.address();
    return { host: address.host, port: typeof bound === "object" && bound !== null ? bound.port : address.port };
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    const why = code === "EADDRINUSE" ? "something else listens there" : code;
    throw new SandboxFailure(EXIT.unavailable, `Cannot listen on ${address.host}:${address.port}: ${why}.`, cause);
  } finally {
    server.close();
  }
}
