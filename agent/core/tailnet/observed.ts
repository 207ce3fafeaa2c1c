import type { TailnetObserved } from "../observed-state.ts";
import { isOpenTo, type NetworkView, type TailnetView } from "../views.ts";

const NO_NODE = { nodeId: "", name: "", addresses: [], tags: [], acceptsRoutes: false } as const;

/**
 * What is told of a tailnet: joined is one that builds reach; nothing while this machine has to do
 * with none.
 */
export function tailnetObserved(view: TailnetView, network: NetworkView): { readonly tailnet?: TailnetObserved } {
  switch (view.at) {
    case "unknown":
    case "none":
      return {};
    case "joining":
      return { tailnet: { ...NO_NODE, grantId: view.grantId, state: "joining", reason: view.progress } };
    case "failed":
      return { tailnet: { ...NO_NODE, grantId: view.grantId, state: "failed", reason: view.because } };
    case "leaving":
      return { tailnet: { ...NO_NODE, grantId: "", state: "leaving", reason: view.because } };
    case "joined": {
      const { magicDnsSuffix: _suffix, offeredRoutes: _routes, ...node } = view.membership;
      if (!isOpenTo(network)) return { tailnet: { ...node, state: "joining", reason: "The guard opens to it now" } };
      return { tailnet: { ...node, state: "joined", reason: "" } };
    }
    default:
      return view satisfies never;
  }
}
