import { wantedTailnet } from "../../core/tailnet/plan.ts";
import type { TailnetMembership } from "../../core/tailnet/wish.ts";
import { isOpenTo } from "../../core/views.ts";
import { Branch } from "../../lifecycle/branch.ts";
import { onChange } from "../../lifecycle/cell.ts";
import type { TailnetNode } from "../../ports/tailnet.ts";
import type { Board } from "../board/board.ts";

export type RouteCells = Pick<Board, "desired" | "phase" | "network" | "tailnet">;

interface Routes {
  readonly accept: boolean;
  /** What the node said of itself when it was asked for. */
  readonly of: TailnetMembership;
}

/**
 * Has the node take the subnet routes of its peers, or give them back, whenever that is wanted,
 * until `signal`. They are taken only once builds' own ranges are known not to need them.
 * @throws {AgentError} where the node cannot.
 */
export async function keepRoutes(
  node: Pick<TailnetNode, "acceptRoutes">,
  cells: RouteCells,
  signal: AbortSignal,
): Promise<void> {
  for (let asked: Routes | undefined; !signal.aborted; ) {
    asked = await nextRoutes(cells, asked, signal);
    if (asked !== undefined) await node.acceptRoutes(asked.accept, signal);
  }
}

async function nextRoutes(
  cells: RouteCells,
  asked: Routes | undefined,
  outer: AbortSignal,
): Promise<Routes | undefined> {
  let next: Routes | undefined;
  using found = new Branch(outer);
  const look = (): void => {
    next = dueRoutes(cells);
    // It was asked for, and the node has said nothing new since.
    if (next === undefined || (next.accept === asked?.accept && next.of === asked.of)) next = undefined;
    else found.abort();
  };
  await onChange([cells.desired, cells.phase, cells.network, cells.tailnet], look, found.signal);
  return next;
}

/** Undefined: the node has what it shall have, or must wait for the guard. */
function dueRoutes({ desired, phase, network, tailnet }: RouteCells): Routes | undefined {
  const view = tailnet.get();
  const wish = wantedTailnet(desired.get()?.tailnet, phase.get());
  if (view.at !== "joined" || wish === undefined) return undefined;
  const { membership } = view;
  const accept = wish.acceptRoutes;
  if (membership.acceptsRoutes === accept || (accept && !isOpenTo(network.get()))) return undefined;
  return { accept, of: membership };
}
