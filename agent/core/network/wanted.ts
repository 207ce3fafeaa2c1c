import type { DesiredState } from "../desired-state.ts";
import type { TailnetView } from "../views.ts";
import type { MirrorPlace } from "./mirrors.ts";
import type { NetworkOrder } from "./order.ts";

/**
 * The order that follows from what is wanted and what is so. A tailnet is open only while this
 * machine is a node of it.
 */
export function networkOrder(
  { egress }: Pick<DesiredState, "egress">,
  tailnet: TailnetView,
  { idle, mirrors }: { readonly idle: boolean; readonly mirrors: readonly MirrorPlace[] },
): NetworkOrder {
  const joined = tailnet.at === "joined" ? tailnet.membership : undefined;
  return {
    tailnet: joined === undefined ? "closed" : "open",
    searchDomains: joined === undefined || joined.magicDnsSuffix === "" ? [] : [joined.magicDnsSuffix],
    egress,
    mirrors,
    avoid: joined?.offeredRoutes ?? [],
    mayMove: idle,
  };
}

/**
 * Whether the second asks for nothing that the first did not. That builds' ranges may move matters
 * only while they collide.
 */
export function sameOrder(a: NetworkOrder, b: NetworkOrder, collides: boolean): boolean {
  const told = ({ mayMove, ...order }: NetworkOrder): string =>
    JSON.stringify({ ...order, ...(collides && { mayMove }) });
  return told(a) === told(b);
}
