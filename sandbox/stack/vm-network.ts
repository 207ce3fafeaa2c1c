import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NetworkNamespace } from "../net/namespace.ts";
import { Relay } from "../net/relay/relay.ts";

/** What a VM without a way out says of names. */
const NOBODY_TO_ASK = "# This machine has no way out, and nobody to ask for names.\n";

export interface VmNetworkOptions {
  /** Short, for sockets. */
  readonly runtimeDir: string;
  /** Of this machine's loopback: where the control plane listens. */
  readonly controlPlanePort: number;
  /** What the VM has as /etc/resolv.conf. Default: no names. */
  readonly resolvConf?: string | undefined;
}

/**
 * The network of the machine that the sandbox plays: a namespace of its own, so that bridge, guard and tailnet of the agent are in there and nothing of
 * them here. From there the control plane is reached, and nothing else of this machine; from here the agent's health.
 */
export class VmNetwork implements AsyncDisposable {
  readonly namespace: NetworkNamespace;
  /** Of both loopbacks: the agent listens there, and we ask there. */
  readonly healthPort: number;
  readonly #relay: Relay;

  private constructor(namespace: NetworkNamespace, relay: Relay, healthPort: number) {
    this.namespace = namespace;
    this.healthPort = healthPort;
    this.#relay = relay;
  }

  static async make({ runtimeDir, controlPlanePort, resolvConf }: VmNetworkOptions): Promise<VmNetwork> {
    const resolvConfFile = join(runtimeDir, "vm-resolv.conf");
    await writeFile(resolvConfFile, resolvConf ?? NOBODY_TO_ASK);
    const namespace = await NetworkNamespace.make({ name: "vm", resolvConfFile });
    try {
      const relay = await Relay.start({ namespace, dir: runtimeDir, offered: [controlPlanePort], reached: 1 });
      const [healthPort = 0] = relay.reached;
      return new VmNetwork(namespace, relay, healthPort);
    } catch (failure) {
      await namespace[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** @throws {Error} naming whoever was left in there, and was killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#relay[Symbol.asyncDispose]();
    await this.namespace[Symbol.asyncDispose]();
  }
}
