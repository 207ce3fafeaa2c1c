import { sameData } from "../core/equality.ts";
import { type OwnTraces, type TracePlan, tracePlan } from "../core/traces/target.ts";
import { withProgress } from "../core/traces/view.ts";
import { firstOf } from "../lifecycle/branch.ts";
import type { Log } from "../ports/log.ts";
import type { Traces } from "../ports/traces.ts";
import type { Board } from "./board/board.ts";

export interface TracePorts {
  readonly traces: Traces;
  readonly log: Log;
}

/**
 * Sends what this machine tells of its work to where it is configured to, or else to where the
 * control plane wants it. Nothing waits for it.
 */
export async function sendTraces(
  { traces, log }: TracePorts,
  { desired, identity, traces: shown }: Pick<Board, "desired" | "identity" | "traces">,
  own: OwnTraces,
  outer: AbortSignal,
): Promise<void> {
  const wanted = (): TracePlan => {
    const state = desired.get();
    return tracePlan(own, state === undefined ? undefined : (state.traces ?? null));
  };
  while (!outer.aborted) {
    const plan = wanted();
    await firstOf(
      outer,
      (signal) => desired.first(() => !sameData(wanted(), plan), signal),
      (signal) => {
        const target = plan.at === "to" ? plan.target : undefined;
        if (plan.at === "refused") log.warn({ because: plan.because }, "traces.order-refused");
        if (target !== undefined) log.info({ to: target.shown, from: target.from }, "traces.sending");
        shown.set(plan.at === "to" ? { at: "sending", to: plan.target.shown } : plan);
        return traces.send(
          target,
          () => identity.get()?.machineId,
          (progress) => shown.update((view) => withProgress(view, progress)),
          signal,
        );
      },
    );
  }
}
