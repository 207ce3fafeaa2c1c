import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NetworkNamespace } from "../net/namespace.ts";
import { Relay } from "../net/relay/relay.ts";

/** What a VM without a way out says of names. */
const NOBODY_TO_ASK = "# This machine has no way out, and nobody to ask for names.\n";

/** What a machine's network is joined to. */
export interface Uplink {
  /** Of the machine's /etc/resolv.conf; default: no names. */
  readonly resolvConf?: string;
  /** Called before the agent starts; what it gives is disposed after the agent's end. */
  join(vm: NetworkNamespace): Promise<AsyncDisposable | undefined>;
}

export interface VmNetworkOptions {
  /** Short, for sockets. */
  readonly runtimeDir: string;
  /** Of this machine's loopback: where the control plane listens, and who else is reached. */
  readonly offered: readonly number[];
  readonly uplink: Uplink | undefined;
}

/**
 * The network of the machine that the sandbox plays: a namespace of its own, so that bridge, guard
 * and tailnet of the agent are in there and nothing of them here. From there the control plane is
 * reached, the stand-ins of the machine's platforms, and nothing else of this machine; from here
 * the agent's health.
 */
export class VmNetwork implements AsyncDisposable {
  readonly namespace: NetworkNamespace;
  /** Of both loopbacks: the agent listens there, and we ask there. */
  readonly healthPort: number;
  readonly #relay: Relay;
  readonly #joined: AsyncDisposable | undefined;

  private constructor(namespace: NetworkNamespace, relay: Relay, joined: AsyncDisposable | undefined) {
    const [healthPort = 0] = relay.reached;
    this.namespace = namespace;
    this.healthPort = healthPort;
    this.#relay = relay;
    this.#joined = joined;
  }

  static async make({ runtimeDir, offered, uplink }: VmNetworkOptions): Promise<VmNetwork> {
    const resolvConfFile = join(runtimeDir, "vm-resolv.conf");
    await writeFile(resolvConfFile, uplink?.resolvConf ?? NOBODY_TO_ASK);
    const namespace = await NetworkNamespace.make({ name: "vm", resolvConfFile });
    try {
      const relay = await Relay.start({ namespace, dir: runtimeDir, offered, reached: 1 });
      try {
        return new VmNetwork(namespace, relay, await uplink?.join(namespace));
      } catch (failure) {
        await relay[Symbol.asyncDispose]();
        throw failure;
      }
    } catch (failure) {
      await namespace[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** @throws {Error} naming whoever was left in there, and was killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#joined?.[Symbol.asyncDispose]();
    } finally {
      await this.#relay[Symbol.asyncDispose]();
      await this.namespace[Symbol.asyncDispose]();
    }
  }
}
