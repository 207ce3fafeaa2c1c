import { endingOf } from "../../core/end-orders.ts";
import type { TakenStep } from "../../core/observed-ending.ts";
import { aborted, Branch } from "../../lifecycle/branch.ts";
import type { LogOf } from "../../ports/log.ts";
import { AFTERMATH_MS, type EndingCells, type EndingPorts, NEVER, type Step } from "./parts.ts";

/** Resolves when the step has ended, has failed, or is waited for no longer. */
export async function take(step: Step, ports: EndingPorts, cells: EndingCells): Promise<void> {
  const { clock, log } = ports;
  const begunMonoMs = clock.now().monoMs;
  cells.endingAt.set(step.name);
  using limit = new Branch(NEVER);
  using over = new Branch(NEVER);
  void clock.sleep(step.limitMs, limit.signal).then(() => limit.abort());
  void cells.endOrders
    .first((orders) => endingOf(orders)?.hurry === true, limit.signal)
    .then(() => clock.sleep(step.hurriedMs, limit.signal))
    .then(() => limit.abort());
  const work = (async () => step.run(limit.signal))().then(
    () => "done" as const,
    (err: unknown) => {
      log.error({ err, step: step.name }, "ending.step-failed");
      return "failed" as const;
    },
  );
  const patience = aborted(limit.signal, over.signal)
    .then(() => clock.sleep(AFTERMATH_MS, over.signal))
    .then(() => "given-up" as const);
  const ended = await Promise.race([work, patience]);
  note({ name: step.name, ended, tookMs: Math.round(clock.now().monoMs - begunMonoMs) }, ports, cells);
}

/** Tells how a step went. */
export function note(
  taken: TakenStep,
  { log }: Pick<EndingPorts, "log">,
  { endingSteps }: Pick<EndingCells, "endingSteps">,
) {
  const { name: step, ended, tookMs } = taken;
  const turn: LogOf<"ending.step"> = log;
  turn[ended === "done" ? "info" : "warn"]({ step, ended, tookMs }, "ending.step");
  endingSteps.update((steps) => [...steps, taken]);
}
