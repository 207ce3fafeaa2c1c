import { fullJitterMs } from "../../core/backoff.ts";
import type { DesiredState } from "../../core/desired-state.ts";
import { AgentError } from "../../core/errors.ts";
import type { Phase } from "../../core/phase.ts";
import type { Secret } from "../../core/secret.ts";
import { tailnetHostname } from "../../core/tailnet/hostname.ts";
import { impossible, mayTryAgain, reasonToLeave, wantedTailnet } from "../../core/tailnet/plan.ts";
import { sameJoin, type TailnetMembership, type TailnetWish } from "../../core/tailnet/wish.ts";
import { isOpenTo, type NetworkView, type TailnetView } from "../../core/views.ts";
import { Branch, firstOf, within } from "../../lifecycle/branch.ts";
import { type Cell, onChange } from "../../lifecycle/cell.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { TailnetApi, TailnetNode } from "../../ports/tailnet.ts";
import { departFromTailnet } from "./depart.ts";

/** A join takes a second; a coordination server that is slow is told of in between. */
const JOIN_MS = 60_000;
const RECALL_MS = 20_000;
/** The guard closes in milliseconds. A guard that cannot be closed does not keep a tailnet from being left. */
const GUARD_MS = 5_000;
const AGAIN = { baseMs: 1_000, capMs: 30_000 } as const;
/** What only a person can mend is looked at again at this pace. */
const LASTING_MS = 60_000;

export interface TailnetPorts {
  /** Absent where this machine cannot be a node. */
  readonly tailnet: { readonly node: TailnetNode; readonly api: TailnetApi } | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface TailnetCells {
  readonly machineId: Cell<string>;
  readonly desired: Cell<DesiredState | undefined>;
  readonly phase: Cell<Phase>;
  readonly network: Cell<NetworkView>;
  readonly tailnet: Cell<TailnetView>;
}

/**
 * Makes this machine a node of the tailnet that is wanted, and of no other; takes over what an earlier process of ours left. The guard follows
 * `tailnet`: it opens once the node has joined, and is closed before it leaves.
 */
export async function joinTailnet(ports: TailnetPorts, cells: TailnetCells, signal: AbortSignal): Promise<void> {
  const { tailnet } = ports;
  if (tailnet === undefined) {
    cells.tailnet.set({ at: "none" });
    return;
  }
  const chapter = new Chapter(tailnet, ports, cells);
  await chapter.tell(signal);
}

class Chapter {
  readonly #node: TailnetNode;
  readonly #api: TailnetApi;
  readonly #ports: TailnetPorts;
  readonly #cells: TailnetCells;
  /** With which the node that we are joined: only with it can its device be removed. */
  #joinedWith: TailnetWish | undefined;

  constructor({ node, api }: NonNullable<TailnetPorts["tailnet"]>, ports: TailnetPorts, cells: TailnetCells) {
    this.#node = node;
    this.#api = api;
    this.#ports = ports;
    this.#cells = cells;
  }

  async tell(signal: AbortSignal): Promise<void> {
    let membership = await this.#recall(signal);
    for (let failures = 0; !signal.aborted; ) {
      // What was left running is judged only by what is wanted now, which takes the control plane's word.
      await this.#cells.desired.first((state) => state !== undefined, signal);
      if (signal.aborted) return;
      const wish = this.#wish();
      if (membership !== undefined) {
        this.#joinedWith ??= wish?.grantId === membership.grantId ? wish : undefined;
        const ended = await this.#stay(membership, signal);
        if (signal.aborted) return;
        membership = ended.lost ? await this.#recall(signal) : await this.#leave(ended.because, signal);
      } else if (wish === undefined) {
        this.#cells.tailnet.set({ at: "none" });
        await this.#until(() => this.#wish() !== undefined, signal);
      } else {
        const joined = await this.#tryToJoin(wish, failures, signal);
        failures = joined === undefined ? failures + 1 : 0;
        membership = joined;
      }
    }
  }

  #wish(): TailnetWish | undefined {
    return wantedTailnet(this.#cells.desired.get()?.tailnet, this.#cells.phase.get());
  }

  async #recall(signal: AbortSignal): Promise<TailnetMembership | undefined> {
    const { clock, log } = this.#ports;
    try {
      const left = await within(clock, RECALL_MS, signal, (limit) => this.#node.recall(limit));
      if (left !== undefined) {
        log.info({ nodeId: left.nodeId, grantId: left.grantId }, "tailnet.taken-over");
        this.#cells.tailnet.set({ at: "joined", membership: left });
        return left;
      }
    } catch (err) {
      if (!signal.aborted) log.warn({ err }, "tailnet.not-recalled");
    }
    // A daemon that was killed may have left a node, an interface or rules.
    await this.#depart(undefined, signal);
    this.#cells.tailnet.set({ at: "none" });
    return undefined;
  }

  /** As long as it may be; resolves to why no longer. `lost`: nobody wanted it to end. */
  async #stay(
    first: TailnetMembership,
    outer: AbortSignal,
  ): Promise<{ readonly lost: boolean; readonly because: string }> {
    const { log } = this.#ports;
    let ended = { lost: true, because: "tailscaled ended" };
    await firstOf(
      outer,
      async (signal) => {
        try {
          for await (const membership of this.#node.watch(signal)) {
            this.#cells.tailnet.set({ at: "joined", membership });
            await this.#settleRoutes(membership, signal);
          }
        } catch (err) {
          if (signal.aborted) return;
          log.warn({ err }, "tailnet.lost");
          ended = { lost: true, because: words(err) };
        }
      },
      (signal) =>
        this.#until(() => {
          const why = reasonToLeave(first, this.#cells.desired.get()?.tailnet, this.#cells.phase.get());
          if (why !== undefined) ended = { lost: false, because: why };
          return why !== undefined;
        }, signal),
    );
    if (ended.lost && !outer.aborted)
      this.#cells.tailnet.set({ at: "joining", grantId: first.grantId, progress: `Again: ${ended.because}` });
    return ended;
  }

  /** Subnet routes are taken only once builds' own ranges are known not to need them. */
  async #settleRoutes(membership: TailnetMembership, signal: AbortSignal): Promise<void> {
    const accept = this.#wish()?.acceptRoutes === true;
    if (membership.acceptsRoutes === accept) return;
    await this.#cells.network.first(isOpenTo, signal);
    if (!signal.aborted) await this.#node.acceptRoutes(accept, signal);
  }

  async #tryToJoin(wish: TailnetWish, failures: number, signal: AbortSignal): Promise<TailnetMembership | undefined> {
    const { clock, log } = this.#ports;
    const { grantId } = wish;
    const show = (progress: string): void => this.#cells.tailnet.set({ at: "joining", grantId, progress });
    const changed = (): boolean => !sameJoin(this.#wish(), wish);
    let retryable = true;
    let hasAsked = false;
    try {
      const cannot = impossible(wish);
      if (cannot !== undefined) throw new AgentError("tailnet.impossible", cannot, { retryable: false });
      if (this.#cells.tailnet.get().at !== "failed") show("Joining");
      const membership = await this.#whileWanted(wish, signal, (wanted) =>
        within(clock, JOIN_MS, wanted, async (limit) => {
          const hostname = tailnetHostname(this.#cells.machineId.get());
          const authKey = await this.#key(wish, hostname, show, limit);
          hasAsked = true;
          const { coordinationUrl, tags } = wish;
          const where = coordinationUrl !== undefined && { coordinationUrl };
          return this.#node.join({ grantId, authKey, hostname, tags, ...where }, show, limit);
        }),
      );
      log.info({ nodeId: membership.nodeId, grantId, name: membership.name }, "tailnet.joined");
      this.#joinedWith = wish;
      this.#cells.tailnet.set({ at: "joined", membership });
      return membership;
    } catch (err) {
      if (signal.aborted) return undefined;
      // It may have got as far as being a node of which the server did not hear that it is gone.
      if (hasAsked) await this.#depart(wish, signal);
      if (changed()) return undefined;
      retryable = !(err instanceof AgentError) || err.retryable;
      log.warn({ err, grantId, required: wish.required }, "tailnet.not-joined");
      this.#cells.tailnet.set({ at: "failed", grantId, because: words(err) });
    }
    if (!mayTryAgain(wish, retryable)) await this.#until(changed, signal);
    else {
      const pauseMs = retryable ? fullJitterMs(AGAIN, failures, clock.random()) : LASTING_MS;
      await within(clock, pauseMs, signal, (pause) => this.#until(changed, pause));
    }
    return undefined;
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

  async #leave(because: string, signal: AbortSignal): Promise<undefined> {
    const { clock, log } = this.#ports;
    this.#cells.tailnet.set({ at: "leaving", because });
    await within(clock, GUARD_MS, signal, (limit) =>
      this.#cells.network.first((view) => view.at !== "applied" || view.network.tailnet === "closed", limit),
    );
    log.info({ because }, "tailnet.leaving");
    await this.#depart(this.#joinedWith, signal);
    this.#joinedWith = undefined;
    this.#cells.tailnet.set({ at: "none" });
  }

  async #depart(joinedWith: TailnetWish | undefined, signal: AbortSignal): Promise<void> {
    const ports = { ...this.#ports, node: this.#node, api: this.#api };
    await departFromTailnet(ports, joinedWith ?? this.#cells.desired.get()?.tailnet, signal);
  }

  /** Aborted as soon as something else is wanted. */
  async #whileWanted<T>(wish: TailnetWish, outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    using branch = new Branch(outer);
    void this.#until(() => !sameJoin(this.#wish(), wish), branch.signal).then(() => branch.abort());
    return await work(branch.signal);
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

function words(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}
