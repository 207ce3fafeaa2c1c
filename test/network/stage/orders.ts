import type { NetworkOrder } from "../../../agent/core/network/order.ts";

/** The internet is open, private ranges and the tailnet are closed, but for what is changed. */
export function openOrder(changes: Partial<NetworkOrder> = {}): NetworkOrder {
  return {
    tailnet: "closed",
    searchDomains: [],
    egress: { allowedCidrs: [], allowPrivateRanges: false },
    mirrors: [],
    avoid: [],
    mayMove: true,
    ...changes,
  };
}
