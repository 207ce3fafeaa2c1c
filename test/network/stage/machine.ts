import type { MachineNetwork } from "../../../agent/core/network/plan.ts";
import { parseResolvConf } from "../../../agent/core/network/resolvers.ts";

/** A machine with both families and nothing in the way, which asks whom this resolv.conf names. */
export function machineAsking(resolvConf: string, around: Partial<MachineNetwork> = {}): MachineNetwork {
  return {
    taken: [],
    addresses: [],
    resolvConf: parseResolvConf(resolvConf),
    upstream: undefined,
    mtuBytes: 1500,
    hasIpv6: true,
    ...around,
  };
}
