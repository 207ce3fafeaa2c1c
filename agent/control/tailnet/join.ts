import { fullJitterMs } from "../../core/backoff.ts";
import { AgentError, inWords } from "../../core/errors.ts";
import type { Secret } from "../../core/secret.ts";
import { tailnetHostname } from "../../core/tailnet/hostname.ts";
import { impossible, mayTryAgain, reasonToLeave, wantedTailnet } from "../../core/tailnet/plan.ts";
import { sameJoin, type TailnetMembership, type TailnetWish } from "../../core/tailnet/wish.ts";
import { Branch, firstOf, within } from "../../lifecycle/branch.ts";
import { onChange } from "../../lifecycle/cell.ts";
import type { LoopReport } from "../../lifecycle/loop-report.ts";
import { type Failure, type Pauses, reconcile } from "../../lifecycle/reconcile.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Meters } from "../../ports/meters.ts";
import type { TailnetApi, TailnetNode } from "../../ports/tailnet.ts";
import type { Board } from "../board/board.ts";
import { departFromTailnet } from "./depart.ts";
import { keepRoutes } from "./keep-routes.ts";

/** A join takes a second; a coordination server that is slow is told of in between. */
const JOIN_MS = 60_000;
const RECALL_MS = 20_000;
/**
 * The guard closes in milliseconds. A guard that cannot be closed does not keep a tailnet from
 * being left.
 */
const GUARD_MS = 5_000;
const PAUSES: Pauses = { passing: { baseMs: 1_000, capMs: 30_000 }, lastingMs: 60_000 };
/**
 * A membership that was lost sooner than this was no success: the next one is waited for longer.
 */
const LASTED_MS = 60_000;

export interface TailnetPorts {
  /** Absent where this machine cannot be a node. */
  readonly tailnet: { readonly node: TailnetNode; readonly api: TailnetApi } | undefined;
  readonly meters: Pick<Meters, "restarted">;
  readonly clock: Clock;
  readonly log: Log;
}

export type TailnetCells = Pick<Board, "identity" | "desired" | "phase" | "network" | "tailnet">;

/**
 * Makes this machine a node of the tailnet that is wanted, and of no other; takes over what an
 * earlier process of ours left. The guard follows `tailnet`: it opens once the node has joined, and
 * is closed before it leaves.
 */
export async function joinTailnet(
  ports: TailnetPorts,
  cells: TailnetCells,
  report: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  const { tailnet, clock } = ports;
  if (tailnet === undefined) {
    cells.tailnet.set({ at: "none" });
    return;
  }
  const node = new Node(tailnet, ports, cells);
  await node.recall(signal);
  await reconcile<Want>(
    {
      clock,
      report,
      watching: [cells.desired, cells.phase],
      // What was left running is judged only by what is wanted now: that takes the control plane's
      // word, or our end.
      wanted: () => {
        const [desired, phase] = [cells.desired.get(), cells.phase.get()];
        if (desired === undefined && phase.at !== "stopping") return undefined;
        return { wish: wantedTailnet(desired?.tailnet, phase) };
      },
      same: (a, b) => sameJoin(a.wish, b.wish),
      pauses: PAUSES,
      pauseMs: (failure, want) => node.pauseMs(failure, want.wish),
      act: (want, unchanged, whole, reached) => node.be(want.wish, reached, unchanged, whole),
      failed: (failure, want) => node.note(failure, want.wish),
    },
    signal,
  );
}

/** Undefined: a node of none. */
interface Want {
  readonly wish: TailnetWish | undefined;
}

class Node {
  readonly #node: TailnetNode;
  readonly #api: TailnetApi;
  readonly #ports: TailnetPorts;
  readonly #cells: TailnetCells;
  #membership: TailnetMembership | undefined;
  /** With which the node that we are joined: only with it can its device be removed. */
  #joinedWith: TailnetWish | undefined;
  /** The daemon may still be there, or be brought back, as the node that it was. */
  #isLost = false;
  /** In a row, of memberships that did not last. */
  #losses = 0;

  constructor({ node, api }: NonNullable<TailnetPorts["tailnet"]>, ports: TailnetPorts, cells: TailnetCells) {
    this.#node = node;
    this.#api = api;
    this.#ports = ports;
    this.#cells = cells;
  }

  async recall(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#ports;
    this.#isLost = false;
    try {
      this.#membership = await within(clock, RECALL_MS, signal, (limit) => this.#node.recall(limit));
    } catch (err) {
      if (!signal.aborted) log.warn({ err }, "tailnet.not-recalled");
    }
    if (this.#membership === undefined) {
      // A daemon that was killed may have left a node, an interface or rules.
      await this.#depart(undefined, signal);
      this.#cells.tailnet.set({ at: "none" });
      return;
    }
    const { nodeId, grantId } = this.#membership;
    log.info({ nodeId, grantId }, "tailnet.taken-over");
    this.#cells.tailnet.set({ at: "joined", membership: this.#membership });
  }

  /**
   * Joins, stays for as long as it may, leaves: what it left may have been another than the wish
   * asks for, so that is looked at again at once. @throws {AgentError} if it cannot join, or the
   * node is lost. `reached` is called while it stays.
   */
  async be(
    wish: TailnetWish | undefined,
    reached: () => void,
    unchanged: AbortSignal,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    if (this.#isLost) await this.recall(signal);
    if (this.#membership === undefined) {
      if (wish === undefined) this.#cells.tailnet.set({ at: "none" });
      else this.#membership = await this.#join(wish, unchanged, signal);
    }
    if (this.#membership === undefined) return undefined;
    if (wish?.grantId === this.#membership.grantId) {
      this.#joinedWith ??= wish;
      reached();
    }
    const because = await this.#stay(this.#membership, signal);
    if (!signal.aborted) await this.#leave(because, signal);
    return 0;
  }

  pauseMs({ err, isPassing }: Omit<Failure, "retryInMs">, wish: TailnetWish | undefined): number | undefined {
    const { passing } = PAUSES;
    if (err instanceof NodeLost) return fullJitterMs(passing, this.#losses - 1, this.#ports.clock.random());
    return wish !== undefined && !mayTryAgain(wish, isPassing) ? Number.POSITIVE_INFINITY : undefined;
  }

  note({ err, because }: Failure, wish: TailnetWish | undefined): void {
    if (err instanceof NodeLost || wish === undefined) return;
    const { grantId, required } = wish;
    this.#ports.log.warn({ err, grantId, required }, "tailnet.not-joined");
    this.#cells.tailnet.set({ at: "failed", grantId, because });
  }

  async #join(wish: TailnetWish, unchanged: AbortSignal, signal: AbortSignal): Promise<TailnetMembership> {
    const { clock, log } = this.#ports;
    const { grantId, coordinationUrl, tags } = wish;
    const show = (progress: string): void => this.#cells.tailnet.set({ at: "joining", grantId, progress });
    const cannot = impossible(wish);
    if (cannot !== undefined) throw new AgentError("tailnet.impossible", cannot, { retryable: false });
    if (this.#cells.tailnet.get().at !== "failed") show("Joining");
    let hasAsked = false;
    try {
      const membership = await within(clock, JOIN_MS, unchanged, async (limit) => {
        const hostname = tailnetHostname(this.#cells.identity.get()?.machineId ?? "");
        const authKey = await this.#key(wish, hostname, show, limit);
        hasAsked = true;
        const where = coordinationUrl !== undefined && { coordinationUrl };
        return this.#node.join({ grantId, authKey, hostname, tags, ...where }, show, limit);
      });
      log.info({ nodeId: membership.nodeId, grantId, name: membership.name }, "tailnet.joined");
      this.#joinedWith = wish;
      this.#cells.tailnet.set({ at: "joined", membership });
      return membership;
    } catch (err) {
      // It may have got as far as being a node of which the server did not hear that it is gone.
      if (hasAsked && !signal.aborted) await this.#depart(wish, signal);
      throw err;
    }
  }

  #key(
    { credential, apiUrl, tags }: TailnetWish,
    description: string,
    show: (progress: string) => void,
    signal: AbortSignal,
  ): Promise<Secret> {
    if (credential.kind !== "auth-key") show("Asking the tailnet's API for a key");
    return this.#api.mintKey({ credential, tags, description, ...(apiUrl !== undefined && { apiUrl }) }, signal);
  }

  /**
   * As long as it may be; resolves to why no longer. @throws {NodeLost} when nobody wanted it to
   * end.
   */
  async #stay(first: TailnetMembership, outer: AbortSignal): Promise<string> {
    const { clock } = this.#ports;
    const { desired, phase } = this.#cells;
    const begunMonoMs = clock.now().monoMs;
    let leave: string | undefined;
    let lost: { readonly because: string; readonly err?: unknown } = { because: "tailscaled ended" };
    await firstOf(
      outer,
      // Routes may wait for the guard: what becomes of the node is seen all the same.
      (signal) =>
        firstOf(
          signal,
          (one) => this.#watch(one),
          (one) => keepRoutes(this.#node, this.#cells, one),
        ).catch((err: unknown) => {
          lost = { because: inWords(err), err };
        }),
      (signal) =>
        this.#until(() => {
          leave = reasonToLeave(first, desired.get()?.tailnet, phase.get());
          return leave !== undefined;
        }, signal),
    );
    if (leave !== undefined || outer.aborted) return leave ?? "this process is ending";
    this.#membership = undefined;
    this.#isLost = true;
    this.#losses = clock.now().monoMs - begunMonoMs < LASTED_MS ? this.#losses + 1 : 1;
    this.#ports.log.warn({ err: lost.err }, "tailnet.lost");
    if (isDaemonGone(lost.err)) this.#ports.meters.restarted("tailscaled");
    this.#cells.tailnet.set({ at: "joining", grantId: first.grantId, progress: `Again: ${lost.because}` });
    throw new NodeLost(lost.because, lost.err);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    for await (const membership of this.#node.watch(signal)) this.#cells.tailnet.set({ at: "joined", membership });
  }

  async #leave(because: string, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#ports;
    this.#cells.tailnet.set({ at: "leaving", because });
    await within(clock, GUARD_MS, signal, (limit) =>
      this.#cells.network.first((view) => view.at !== "applied" || view.network.tailnet === "closed", limit),
    );
    log.info({ because }, "tailnet.leaving");
    await this.#depart(this.#joinedWith, signal);
    this.#joinedWith = undefined;
    this.#membership = undefined;
    this.#cells.tailnet.set({ at: "none" });
  }

  async #depart(joinedWith: TailnetWish | undefined, signal: AbortSignal): Promise<void> {
    const ports = { ...this.#ports, node: this.#node, api: this.#api };
    await departFromTailnet(ports, joinedWith ?? this.#cells.desired.get()?.tailnet, signal);
  }

  async #until(holds: () => boolean, outer: AbortSignal): Promise<void> {
    using branch = new Branch(outer);
    await onChange(
      [this.#cells.desired, this.#cells.phase],
      () => {
        if (holds()) branch.abort();
      },
      branch.signal,
    );
  }
}

/** Not: it runs, and is a node of nothing any more. */
function isDaemonGone(err: unknown): boolean {
  return err === undefined || (err instanceof AgentError && err.code === "tailnet.daemon-failed");
}

class NodeLost extends AgentError {
  constructor(because: string, cause: unknown) {
    super("tailnet.lost", because, { retryable: true, cause });
  }
}
