import type { PlaneError } from "../../core/plane-status.ts";
import type { MachineIdentity } from "../../ports/keys.ts";
import type { BuilderAgentServiceClient } from "./gen/builder/agent/v1/builder_agent.ts";
import { isUnconnected, planeErrorFrom } from "./grpc-error.ts";
import { hostPort, openClient, type PlaneAddress } from "./trusted-channel.ts";
import { whyUntrusted } from "./why-untrusted.ts";

/** To see which dates the far end's certificate has. */
const LOOK_MS = 3_000;

/** A call in progress. */
export interface LiveCall {
  cancel(): void;
}

/** One client, shared by its calls; closed once it is retired and the last of them is over. */
export class Connection {
  readonly client: BuilderAgentServiceClient;
  readonly identity: MachineIdentity | undefined;
  readonly #address: PlaneAddress;
  /** For an error of this connection; "" where it goes straight to the control plane. */
  readonly #way: string;
  #untrusted: Promise<string> | undefined;
  readonly #calls = new Set<LiveCall>();
  #retired = false;

  constructor(address: PlaneAddress, identity: MachineIdentity | undefined) {
    this.client = openClient(address, identity, () => this.closed);
    this.identity = identity;
    this.#address = address;
    // grpc-js tells what a proxy answered in its log only.
    this.#way =
      address.proxy === undefined
        ? ""
        : ` (by way of the proxy ${hostPort(address.proxy)}: if it refused, grpc.said in the log tells how)`;
  }

  get retired(): boolean {
    return this.#retired;
  }

  get closed(): boolean {
    return this.#retired && this.#calls.size === 0;
  }

  /**
   * What `call` failed with, in our words. Where dates are wrong, looks once what the far end
   * shows.
   */
  async failureOf(call: string, failure: unknown): Promise<PlaneError> {
    const plain = planeErrorFrom(call, failure, this.#way);
    if (!isUnconnected(failure)) return plain;
    this.#untrusted ??= whyUntrusted(this.#address, failure.details, Date.now(), LOOK_MS);
    return planeErrorFrom(call, failure, `${this.#way}${await this.#untrusted}`);
  }

  begin(call: LiveCall): void {
    this.#calls.add(call);
  }

  end(call: LiveCall): void {
    this.#calls.delete(call);
    this.#closeWhenIdle();
  }

  /** No new calls: those that live finish here. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#closeWhenIdle();
  }

  cancelAll(): void {
    for (const call of this.#calls) call.cancel();
  }

  #closeWhenIdle(): void {
    if (this.closed) this.client.close();
  }
}

/**
 * One connection at a time, for the identity that asked last; calls that live on an older one
 * finish there. A connection that failed is retired by its caller, so that the next call dials at
 * once: how often is decided by the agent's own backoff, not by the channel's.
 */
export class Connections implements Disposable {
  readonly #address: PlaneAddress;
  readonly #open = new Set<Connection>();
  #current: Connection | undefined;

  constructor(address: PlaneAddress) {
    this.#address = address;
  }

  for(identity: MachineIdentity | undefined): Connection {
    const current = this.#current;
    if (current !== undefined && !current.retired && current.identity === identity) return current;
    current?.retire();
    for (const connection of this.#open) if (connection.closed) this.#open.delete(connection);
    this.#current = new Connection(this.#address, identity);
    this.#open.add(this.#current);
    return this.#current;
  }

  /** Cancels every call and closes every connection. */
  [Symbol.dispose](): void {
    for (const connection of this.#open) {
      connection.retire();
      connection.cancelAll();
    }
  }
}
