import type { Scope } from "../../../agent/lifecycle/scope.ts";
import { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import { Relay } from "../../../sandbox/net/relay/relay.ts";

/**
 * A network of the machine's own: a loopback, at a port of which it finds this process's control
 * plane, and what a test lays to it.
 */
export interface Network {
  readonly place: NetworkNamespace;
  /** Where the machine finds the control plane. */
  readonly planeEndpoint: string;
}

/**
 * @param planePort Of the control plane, on this machine's loopback. `scope` then owns the network.
 */
export async function makeNetwork(scope: Scope, workDir: string, planePort: number): Promise<Network> {
  const place = scope.own(await NetworkNamespace.make({ name: "machine" }));
  scope.own(await Relay.start({ namespace: place, dir: workDir, offered: [planePort], reached: 0 }));
  return { place, planeEndpoint: `127.0.0.1:${planePort}` };
}
