import { lookup } from "node:dns/promises";
import * as net from "node:net";
import { AgentError } from "../../core/errors.ts";

/** What Node's handle of a TCP socket has that we need. */
interface BoundHandle {
  readonly fd: number;
  getsockname(out: { port?: number }): number;
  close(): void;
}

/**
 * A TCP address whose listening socket is given away. It is bound once, and stays open between two
 * gateways, and for two at a time: clients find the next gateway where the last one was, and those
 * that come meanwhile wait in its queue. Whoever gets it listens; no connection is ever accepted
 * here.
 */
export class HandedSocket {
  readonly #host: string;
  #port: number;
  #handle: BoundHandle | undefined;

  /** @param port 0: any free one, which is then kept. */
  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  /** For the log. */
  get where(): { readonly address: string; readonly port: number } {
    return { address: this.#host, port: this.#port };
  }

  /** Lets `give` pass the descriptor on. @throws {AgentError} "gateway.cannot-listen" */
  async hand<T>(give: (fd: number) => T): Promise<T> {
    this.#handle ??= await this.#bound();
    return give(this.#handle.fd);
  }

  /** Who waits in the queue is turned away once the last gateway has gone. */
  close(): void {
    this.#handle?.close();
    this.#handle = undefined;
  }

  async #bound(): Promise<BoundHandle> {
    try {
      const { address, family } = await lookup(this.#host);
      const handle = bind(address, this.#port, family);
      const at: { port?: number } = {};
      // An address in use is told by Node only to who listens: until then the port is not ours.
      const isBound = handle.getsockname(at) === 0 && at.port !== undefined && at.port !== 0;
      if (!isBound || (this.#port !== 0 && at.port !== this.#port)) {
        handle.close();
        throw new Error("The address is in use");
      }
      this.#port = at.port ?? this.#port;
      return handle;
    } catch (cause) {
      throw new AgentError("gateway.cannot-listen", `Cannot listen on ${this.#host}, port ${this.#port}`, {
        retryable: true,
        cause,
      });
    }
  }
}

/**
 * Node has no public way to bind a TCP socket without accepting on it: its cluster uses this one.
 */
function bind(address: string, port: number, family: number): BoundHandle {
  const create: unknown = Reflect.get(net, "_createServerHandle");
  if (typeof create !== "function") throw new Error(`Node ${process.version} does not give a bound socket away`);
  const handle: unknown = Reflect.apply(create, undefined, [address, port, family]);
  if (!isBoundHandle(handle)) throw new Error(`bind(2) fails: ${String(handle)}`);
  return handle;
}

function isBoundHandle(handle: unknown): handle is BoundHandle {
  return (
    typeof handle === "object" &&
    handle !== null &&
    typeof Reflect.get(handle, "fd") === "number" &&
    typeof Reflect.get(handle, "getsockname") === "function" &&
    typeof Reflect.get(handle, "close") === "function"
  );
}
