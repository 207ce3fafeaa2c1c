import { sameData } from "../../core/equality.ts";
import { AgentError, inWords } from "../../core/errors.ts";
import type { MirrorPlace } from "../../core/network/mirrors.ts";
import type { AppliedNetwork, NetworkOrder } from "../../core/network/order.ts";
import { networkOrder, sameOrder } from "../../core/network/wanted.ts";
import { isIdle } from "../../core/views.ts";
import { firstOf, within } from "../../lifecycle/branch.ts";
import { Cell } from "../../lifecycle/cell.ts";
import type { LoopReport } from "../../lifecycle/loop-report.ts";
import { type Failure, type Pauses, reconcile } from "../../lifecycle/reconcile.ts";
import type { WatchedNetwork } from "../../ports/build-network.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Board } from "../board/board.ts";
import { findMirrors, type MirrorPorts } from "./find-mirrors.ts";

/**
 * Each takes a second; on a machine that is emulated, and still starting, more than half a minute.
 */
const APPLY_MS = 60_000;
const VERIFY_MS = 100_000;
const PAUSES: Pauses = { passing: { baseMs: 500, capMs: 30_000 }, lastingMs: 30_000 };

export interface NetworkPorts extends MirrorPorts {
  /** Absent where builds have no network. */
  readonly buildNetwork: WatchedNetwork | undefined;
}

export type NetworkCells = Pick<Board, "desired" | "tailnet" | "gateway" | "network" | "isolation">;

/**
 * Keeps the builds' network and its guard as they are wanted, and has it tried from inside after
 * each change: BuildKit waits for the first, builds for both. What cannot be applied leaves in
 * force what was.
 */
export async function guardNetwork(
  ports: NetworkPorts,
  cells: NetworkCells,
  report: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  const { buildNetwork, clock } = ports;
  if (buildNetwork === undefined) {
    cells.network.set({ at: "none" });
    return;
  }
  const guard = new Guard(buildNetwork, ports, cells);
  const found = new Cell<AppliedNetwork | undefined>(undefined);
  const mirrors = new Cell<readonly MirrorPlace[] | undefined>(undefined, sameData);
  await firstOf(
    signal,
    (ends) => follow(buildNetwork, found, ends),
    (ends) => findMirrors(ports, cells.desired, mirrors, ends),
    (ends) =>
      reconcile<Wish>(
        {
          clock,
          report,
          watching: [cells.desired, cells.tailnet, cells.gateway, mirrors, found],
          wanted: () => wanted(cells, mirrors.get(), found.get()),
          same: (a, b) => guard.isSame(a.order, b.order) && (a.found === b.found || guard.isInForce(found.get())),
          pauses: PAUSES,
          act: ({ order }, unchanged, whole) => guard.enforce(order, unchanged, whole),
          failed: (failure) => guard.note(failure),
        },
        ends,
      ),
  );
}

interface Wish {
  readonly order: NetworkOrder;
  /**
   * What somebody has put in force meanwhile: another network than ours is a reason to apply the
   * same order again.
   */
  readonly found: AppliedNetwork | undefined;
}

/** Ends with `signal`. */
async function follow(
  network: WatchedNetwork,
  found: Cell<AppliedNetwork | undefined>,
  signal: AbortSignal,
): Promise<void> {
  for await (const applied of network.changes(signal)) found.set(applied);
}

class Guard {
  readonly #network: WatchedNetwork;
  readonly #ports: Pick<NetworkPorts, "clock" | "log">;
  readonly #cells: NetworkCells;
  /** In force. */
  #applied: { readonly order: NetworkOrder; readonly network: AppliedNetwork } | undefined;
  /** Whether what is in force was found as it must be. */
  #proved = false;

  constructor(network: WatchedNetwork, ports: Pick<NetworkPorts, "clock" | "log">, cells: NetworkCells) {
    this.#network = network;
    this.#ports = ports;
    this.#cells = cells;
  }

  /** Where the ranges collide, an order that allows them to move is another one. */
  isSame(a: NetworkOrder, b: NetworkOrder): boolean {
    return sameOrder(a, b, (this.#applied?.network.collisions.length ?? 0) > 0);
  }

  isInForce(network: AppliedNetwork | undefined): boolean {
    return network === undefined || sameData(network, this.#applied?.network);
  }

  /** An order is never interrupted; its trial is, by the next order. */
  async enforce(order: NetworkOrder, unchanged: AbortSignal, signal: AbortSignal): Promise<undefined> {
    await this.#apply(order, signal);
    if (!this.#proved && !unchanged.aborted) await this.#verify(unchanged);
  }

  note({ err, because }: Failure): void {
    if (err instanceof IsolationUnproved) return;
    this.#ports.log.error({ err }, "network.not-applied");
    this.#cells.network.set({ at: "failed", because });
  }

  async #apply(order: NetworkOrder, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#ports;
    const before = this.#applied;
    const network = await inTime(clock, APPLY_MS, signal, "made", (limit) => this.#network.apply(order, limit));
    const isNew = before === undefined || !this.isSame(order, before.order) || !sameData(network, before.network);
    this.#applied = { order, network };
    if (!isNew && this.#cells.network.get().at === "applied") return;
    this.#proved = false;
    const { allowedCidrs, allowPrivateRanges } = order.egress;
    log.info({ ...network, egress: { allowedCidrs: allowedCidrs.length, allowPrivateRanges } }, "network.applied");
    this.#cells.network.set({ at: "applied", network });
  }

  /**
   * @throws {IsolationUnproved} if it could not be tried, or something is amiss: it is tried again.
   */
  async #verify(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#ports;
    const { isolation } = this.#cells;
    const trial = inTime(clock, VERIFY_MS, signal, "tried", (limit) => this.#network.verify(limit));
    const report = await trial.catch((err: unknown) => {
      if (!signal.aborted) {
        log.error({ err }, "isolation.not-verified");
        isolation.set({ at: "failed", because: inWords(err) });
      }
      throw new IsolationUnproved(inWords(err), err);
    });
    isolation.set({ at: "verified", report });
    const amiss = report.findings.filter(({ ok }) => !ok);
    if (amiss.length > 0) {
      log.error({ amiss }, "isolation.broken");
      throw new IsolationUnproved(`${amiss.length} targets are not as they must be`, undefined);
    }
    this.#proved = true;
    log.info({ tookMs: report.tookMs, tried: report.findings.length }, "isolation.verified");
  }
}

/** @throws {AgentError} "network.failed" at the limit, whatever the work made of it. */
function inTime<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  what: "made" | "tried",
  work: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  return within(clock, ms, signal, (limit) =>
    work(limit).catch((cause: unknown) => {
      if (!limit.aborted || signal.aborted) throw cause;
      const late = `The builds' network was not ${what} within ${ms / 1_000} s`;
      throw new AgentError("network.failed", late, { retryable: true, cause });
    }),
  );
}

class IsolationUnproved extends AgentError {
  constructor(because: string, cause: unknown) {
    super("isolation.unproved", because, { retryable: true, cause });
  }
}

/** Undefined until all is known: to close what builds may be using needs a reason. */
function wanted(
  { desired, tailnet, gateway }: NetworkCells,
  mirrors: readonly MirrorPlace[] | undefined,
  found: AppliedNetwork | undefined,
): Wish | undefined {
  const state = desired.get();
  const view = tailnet.get();
  if (state === undefined || view.at === "unknown" || mirrors === undefined) return undefined;
  return { order: networkOrder(state, view, { idle: isIdle(gateway.get()), mirrors }), found };
}
