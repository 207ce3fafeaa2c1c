import { isOver } from "../../core/debug/grant.ts";
import type { Ending } from "../../core/end-orders.ts";
import { leftUndone } from "../../core/observed-ending.ts";
import { nextPhase } from "../../core/phase.ts";
import { isIdle, openSessions, type TailnetView } from "../../core/views.ts";
import { firstOf } from "../../lifecycle/branch.ts";
import type { SessionInbox } from "../board/session-inbox.ts";
import { closeCache } from "./close-cache.ts";
import { drain } from "./drain.ts";
import { farewell } from "./farewell.ts";
import { AFTERMATH_MS, type EndingCells, type EndingLimits, type EndingPorts, ending, type Step } from "./parts.ts";
import { note, take } from "./take-step.ts";

/**
 * The ending: not ready and no new builds; open builds finish until the earliest deadline of all
 * orders, and people in debug terminals have a notice within it; then the steps, in their order. A
 * failure or a limit of one does not keep the next from its turn. `carriedOut` is called at the end
 * of the last.
 */
export async function endInOrder(
  ports: EndingPorts,
  cells: EndingCells,
  inbox: SessionInbox,
  limits: EndingLimits,
  carriedOut: () => Promise<void>,
): Promise<Ending> {
  const { clock, log } = ports;
  const begunMonoMs = clock.now().monoMs;
  ports.ownUnit.stopping();
  cells.endingAt.set("draining");
  // It is to know the deadline at once.
  if (!cells.plane.get().attached) cells.retryNow.note();
  const openNow = openSessions(cells.gateway.get());
  log.info({ reason: ending(cells).reason, openSessions: openNow ?? "not known" }, "agent.draining");
  const ended = await drain(clock, cells);
  const { reason } = ending(cells);
  note({ name: "draining", ended, tookMs: Math.round(clock.now().monoMs - begunMonoMs) }, ports, cells);
  cells.phase.update((phase) => nextPhase(phase, { is: "stop-ordered", reason }));
  log.info({ reason }, "agent.stopping");
  for (const step of steps(ports, cells, inbox, limits, carriedOut)) await take(step, ports, cells);
  const undone = leftUndone(cells.endingSteps.get(), cells.records.get()?.waiting);
  const tookMs = Math.round(clock.now().monoMs - begunMonoMs);
  if (undone.length === 0) log.info({ reason, tookMs }, "agent.drained");
  else log.warn({ reason, tookMs, undone }, "agent.not-drained");
  cells.endingAt.set("over");
  return ending(cells);
}

function steps(
  ports: EndingPorts,
  cells: EndingCells,
  inbox: SessionInbox,
  limits: EndingLimits,
  carriedOut: () => Promise<void>,
): readonly Step[] {
  const { gateway, unit, log } = ports;
  return [
    {
      // A cut takes milliseconds; a gateway that does not answer is not waited for.
      name: "cut",
      limitMs: 2_000,
      hurriedMs: 2_000,
      async run(signal) {
        if (isIdle(cells.gateway.get())) return;
        log.warn({ openSessions: openSessions(cells.gateway.get()) ?? "not known" }, "agent.cutting");
        gateway.cutAll();
        await cells.gateway.first(isIdle, signal);
      },
    },
    {
      // Before anybody stops the gateway, which holds what is not on disk yet.
      name: "records",
      limitMs: 30_000,
      hurriedMs: 5_000,
      run: (signal) => inbox.empty(signal),
    },
    {
      // They end with this phase at the latest. A shell in the cache's directory would keep it from
      // being closed; and once the machine is gone, so is what was not delivered of a recording.
      name: "terminals",
      limitMs: 20_000,
      hurriedMs: 5_000,
      async run(signal) {
        await cells.debugTerminals.first((all) => all.every(isOver), signal);
        await firstOf(
          signal,
          (one) => cells.plane.first((plane) => !plane.attached, one),
          (one) => cells.recordingsWaiting.first((waiting) => waiting === 0, one),
        );
      },
    },
    {
      name: "buildkit",
      limitMs: limits.buildkitGraceMs + AFTERMATH_MS,
      hurriedMs: 1_000,
      run: (signal) => unit.stop(ending(cells).hurry ? 1_000 : limits.buildkitGraceMs, signal),
    },
    {
      // For trimming, unmounting and closing: a volume that stays open is worse than an ending that
      // takes its time.
      name: "cache",
      limitMs: 90_000,
      hurriedMs: 90_000,
      run: (signal) => closeCache(ports, cells, signal),
    },
    {
      // It has been leaving since this machine is stopping.
      name: "tailnet",
      limitMs: 30_000,
      hurriedMs: 30_000,
      run: (signal) => cells.tailnet.first(isOut, signal),
    },
    {
      name: "farewell",
      limitMs: 5_000,
      hurriedMs: 1_000,
      async run(signal) {
        await farewell(cells, signal);
        // Nothing may come between the last step and this process's end: it would be told of.
        await carriedOut();
      },
    },
  ];
}

/**
 * What an earlier process may have left is waited for, until it is known, and then until it is
 * left.
 */
function isOut({ at }: TailnetView): boolean {
  return at === "none" || at === "failed";
}
