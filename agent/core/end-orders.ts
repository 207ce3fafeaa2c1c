/** An order that this machine is to end, from one of several sources. */
export interface EndOrder {
  readonly from: "signal" | "control-plane" | "refusal" | "provider" | "operator";
  readonly reason: string;
  /**
   * Open builds may go on until then, CLOCK_MONOTONIC: a step of the wall clock moves no deadline.
   */
  readonly deadlineMonoMs: number;
  /** The last steps are cut short too: somebody is losing patience. */
  readonly hurry?: boolean;
}

/**
 * Whether it outlives the process that heard it: whoever gave it will not give it again, or with
 * another deadline. A refusal is met again; a signal is the service manager's, for that process.
 */
export function isKept({ from }: Pick<EndOrder, "from">): boolean {
  return from !== "signal" && from !== "refusal";
}

/** How the agent's story ends. */
export interface Ending {
  /** "refused": starting again does not help. */
  readonly ended: "stopped" | "drained" | "refused";
  /** Of the order that came first. */
  readonly reason: string;
  /** The earliest of all orders. */
  readonly deadlineMonoMs: number;
  readonly hurry: boolean;
}

const ENDED: Readonly<Record<EndOrder["from"], Ending["ended"]>> = {
  signal: "stopped",
  provider: "stopped",
  "control-plane": "drained",
  // As one of the control plane: the service manager is not to start it again.
  operator: "drained",
  refusal: "refused",
};
const GRAVITY: readonly Ending["ended"][] = ["stopped", "drained", "refused"];

/**
 * What the orders come to: each counts, the earliest deadline wins, and nothing lengthens it.
 * Undefined: none was given.
 */
export function endingOf(orders: readonly EndOrder[]): Ending | undefined {
  const [first] = orders;
  if (first === undefined) return undefined;
  const gravest = Math.max(...orders.map(({ from }) => GRAVITY.indexOf(ENDED[from])));
  return {
    ended: GRAVITY[gravest] ?? "stopped",
    reason: first.reason,
    deadlineMonoMs: Math.min(...orders.map(({ deadlineMonoMs }) => deadlineMonoMs)),
    hurry: orders.some(({ hurry }) => hurry === true),
  };
}

/**
 * The book with one more order: one entry for each source, with the reason that it gave first and
 * the earliest of its deadlines. A source that says again what it said before changes nothing.
 */
export function withOrder(orders: readonly EndOrder[], order: EndOrder): readonly EndOrder[] {
  const known = orders.find(({ from }) => from === order.from);
  if (known === undefined) return [...orders, order];
  const isNews = order.deadlineMonoMs < known.deadlineMonoMs || (order.hurry === true && known.hurry !== true);
  if (!isNews) return orders;
  const nearer: EndOrder = {
    ...known,
    deadlineMonoMs: Math.min(known.deadlineMonoMs, order.deadlineMonoMs),
    hurry: known.hurry === true || order.hurry === true,
  };
  return orders.map((one) => (one === known ? nearer : one));
}
