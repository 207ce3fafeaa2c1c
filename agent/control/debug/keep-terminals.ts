import type { DebugGrant, DebugGrantWish, DebugStatus } from "../../core/debug/grant.ts";
import { type DebugFacts, judgeGrant } from "../../core/debug/judge.ts";
import { signedText } from "../../core/debug/signed-text.ts";
import type { FirstAssignment } from "../../core/desired-state.ts";
import { Branch, firstOf, within } from "../../lifecycle/branch.ts";
import { onChange } from "../../lifecycle/cell.ts";
import { Pulse } from "../../lifecycle/pulse.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DebugPorts } from "../../ports/debug-terminal.ts";
import type { MachineIdentity } from "../../ports/keys.ts";
import type { Log } from "../../ports/log.ts";
import type { Board } from "../board/board.ts";
import { holdTerminal } from "./hold-terminal.ts";
import { Uploads } from "./uploads.ts";
import { watchRecordings } from "./watch-recordings.ts";

export interface DebugChapterPorts {
  /** Absent where this machine can give no terminals. */
  readonly debug?: DebugPorts | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export type DebugCells = Pick<
  Board,
  | "identity"
  | "desired"
  | "firstAssignment"
  | "phase"
  | "debugTerminals"
  | "terminalsEnd"
  | "recordings"
  | "recordingsWaiting"
>;

/**
 * A terminal for each debug grant that holds, while it holds; a reason for each that does not.
 * Recordings that an earlier process left are ended first, and sent. Ends with `signal`: then all
 * terminals have ended.
 */
export async function keepTerminals(ports: DebugChapterPorts, cells: DebugCells, signal: AbortSignal): Promise<void> {
  const { debug } = ports;
  if (debug === undefined) {
    cells.recordings.set({ at: "none" });
    return;
  }
  const { recordings } = debug;
  const uploads = new Uploads({ ...ports, debug }, cells);
  await firstOf(
    signal,
    (one) => watchRecordings({ ...ports, recordings }, uploads, cells.recordings, one),
    (one) => followGrants({ ...ports, debug }, cells, uploads, one),
  );
}

async function followGrants(
  ports: Omit<DebugChapterPorts, "debug"> & { readonly debug: DebugPorts },
  cells: DebugCells,
  uploads: Uploads,
  signal: AbortSignal,
): Promise<void> {
  const identity = await cells.identity.first((known) => known !== undefined, signal);
  if (identity === undefined) return;
  using over = new Branch(signal);
  for (const left of await ports.debug.recordings.recover()) uploads.add(left, over.signal);
  await new Grants(ports, cells, uploads).follow(identity, over.signal);
  await uploads.settled();
}

class Grants {
  readonly #ports: Omit<DebugChapterPorts, "debug"> & { readonly debug: DebugPorts };
  readonly #cells: DebugCells;
  readonly #uploads: Uploads;
  readonly #held = new Map<string, Promise<void>>();
  readonly #statuses = new Map<string, DebugStatus>();
  /** A grant has become old enough, or a terminal has ended. */
  readonly #again = new Pulse();

  constructor(
    ports: Omit<DebugChapterPorts, "debug"> & { readonly debug: DebugPorts },
    cells: DebugCells,
    uploads: Uploads,
  ) {
    this.#ports = ports;
    this.#cells = cells;
    this.#uploads = uploads;
  }

  /** Looks at all grants after each change of what they are judged by. */
  async follow(identity: MachineIdentity, outer: AbortSignal): Promise<void> {
    const { desired, firstAssignment, phase } = this.#cells;
    const look = new Pulse();
    const watch = onChange([desired, firstAssignment, phase], () => look.note(), outer);
    while (!outer.aborted) {
      const [before, ended] = [look.count, this.#again.count];
      const nextMs = await this.#look(identity.machineId, outer);
      await within(this.#ports.clock, nextMs, outer, async (pause) => {
        await Promise.race([look.next(pause, before), this.#again.next(pause, ended)]);
      });
    }
    await watch;
    await Promise.all(this.#held.values());
  }

  /** Resolves to when a grant that is too early becomes good. */
  async #look(machineId: string, signal: AbortSignal): Promise<number> {
    const state = this.#cells.desired.get();
    const first = this.#cells.firstAssignment.get();
    // None is judged before it is known by which key.
    const isKnown = first.at === "kept" || first.at === "lost";
    const wishes = isKnown ? (state?.debugGrants ?? []) : [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const grantId of this.#statuses.keys())
      if (!this.#held.has(grantId) && !wishes.some((wish) => wish.grantId === grantId)) this.#statuses.delete(grantId);
    for (const wish of wishes) {
      if (state === undefined || this.#held.has(wish.grantId) || this.#isSettled(wish.grantId)) continue;
      const nowMs = this.#ports.clock.now().wallMs;
      const verdict = judgeGrant(wish, await this.#facts(wish, first, machineId, nowMs));
      if (verdict.is === "good" && wish.is === "grant") this.#hold(wish.grant, signal);
      else if (verdict.is !== "good") this.#refuse(wish, verdict);
      if (verdict.is === "early") nextMs = Math.min(nextMs, verdict.fromMs - nowMs);
    }
    this.#tell();
    return nextMs;
  }

  #isSettled(grantId: string): boolean {
    return this.#statuses.get(grantId)?.state === "ended";
  }

  async #facts(wish: DebugGrantWish, first: FirstAssignment, machineId: string, nowMs: number): Promise<DebugFacts> {
    const { used, signatures, rootAllowed } = this.#ports.debug;
    const debugGrantKey = first.at === "kept" ? first.assignment.debugGrantKey : undefined;
    const isGood =
      wish.is === "grant" && debugGrantKey !== undefined
        ? signatures.isGood(debugGrantKey, signedText(wish.grant), wish.grant.signature)
        : false;
    return {
      nowMs,
      machineId,
      phase: this.#cells.phase.get().at,
      signature: first.at !== "kept" ? "unknown" : debugGrantKey === undefined ? "no-key" : isGood ? "good" : "wrong",
      used: await used.has(wish.grantId).then(
        (has) => (has ? "yes" : "no"),
        (err: unknown) => {
          this.#ports.log.error({ err }, "debug-terminal.used-not-known");
          return "unknown" as const;
        },
      ),
      openTerminals: this.#held.size,
      rootAllowed,
    };
  }

  #refuse(
    { grantId }: DebugGrantWish,
    verdict: { readonly is: string; readonly message: string; reason?: string },
  ): void {
    const { reason = "early", message } = verdict;
    if (this.#statuses.get(grantId)?.reason !== reason)
      this.#ports.log.warn({ grantId, reason, because: message }, "debug-terminal.refused");
    this.#statuses.set(grantId, { grantId, state: "refused", reason, message });
  }

  #hold(grant: DebugGrant, signal: AbortSignal): void {
    const { grantId } = grant;
    const tell = (status: Omit<DebugStatus, "grantId">): void => {
      this.#statuses.set(grantId, { grantId, ...status });
      this.#tell();
    };
    const held = holdTerminal({ ...this.#ports, uploads: this.#uploads }, this.#cells, grant, tell, signal)
      .catch((err: unknown) => {
        this.#ports.log.error({ err, grantId }, "debug-terminal.failed");
        tell({ state: "ended", reason: "failed", message: "A defect of the agent ended it: its log has more." });
      })
      .finally(() => {
        this.#held.delete(grantId);
        this.#again.note();
      });
    this.#held.set(grantId, held);
  }

  #tell(): void {
    this.#cells.debugTerminals.set([...this.#statuses.values()]);
  }
}
