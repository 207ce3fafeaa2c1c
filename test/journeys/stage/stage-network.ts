import type { Scope } from "../../../agent/lifecycle/scope.ts";
import type { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import { fixedPort } from "../../../sandbox/net/fixed-port.ts";
import { ListeningSocket } from "../../../sandbox/net/listening-socket.ts";
import type { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import { AgentProcess } from "../../../sandbox/stack/agent-process.ts";
import { type Address, PortHold } from "../../../sandbox/stack/free-port.ts";
import { makeRuntimeDir } from "../../../sandbox/stack/runtime-dir.ts";
import { type Uplink, VmNetwork } from "../../../sandbox/stack/vm-network.ts";

const LOOPBACK = "127.0.0.1";

/** In which network the agent is, and how it is started there. */
export interface StageNetwork {
  readonly mode: "none" | "bridge";
  /** Where the agent tells of itself; the same address here. */
  readonly health: Address;
  /** Of the VM, where the agent has a network of its own. */
  readonly vm: NetworkNamespace | undefined;
  /** Where clients come in; undefined: the launcher's log says. */
  readonly gatewayPort: () => number | undefined;
  readonly start: (files: Parameters<typeof AgentProcess.start>[0]) => Promise<AgentProcess>;
}

/** This machine's; its builds have none. */
export async function sharedNetwork(): Promise<StageNetwork> {
  using ports = new PortHold();
  const health = await ports.take({ host: LOOPBACK, port: 0 });
  return {
    mode: "none",
    health,
    vm: undefined,
    gatewayPort: () => undefined,
    start: (files) => AgentProcess.start(files),
  };
}

/**
 * One of its own, as a VM has it. Clients reach the gateway here, on the same port after each
 * start.
 */
export async function ownNetwork(
  plane: EmbeddedControlPlane,
  { uplink, offered }: { readonly uplink: Uplink; readonly offered: readonly number[] },
  scope: Scope,
): Promise<StageNetwork> {
  // Not the agent's: its sockets shall be gone before this.
  const runtimeDir = scope.own(await makeRuntimeDir()).path;
  const network = scope.own(await VmNetwork.make({ runtimeDir, offered: [plane.transport.port, ...offered], uplink }));
  const gatewayPort = await fixedPort();
  return {
    mode: "bridge",
    health: { host: LOOPBACK, port: network.healthPort },
    vm: network.namespace,
    gatewayPort: () => gatewayPort,
    start: async (files) => {
      using socket = await ListeningSocket.open({ host: LOOPBACK, port: gatewayPort });
      return await AgentProcess.start({ ...files, within: { namespace: network.namespace, socket } });
    },
  };
}
