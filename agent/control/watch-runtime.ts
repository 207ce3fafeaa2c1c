import { untilBeatMs } from "../core/beat.ts";
import { delaySeen, LATE_MS } from "../core/runtime.ts";
import type { Clock } from "../ports/clock.ts";
import type { OwnRuntime } from "../ports/own-runtime.ts";
import type { Board } from "./board/board.ts";

/** A window: what is late is named within ten seconds. */
const LOOK_EVERY_MS = 5_000;

export interface RuntimePorts {
  readonly ownRuntime: OwnRuntime;
}

/**
 * Measures this process, and takes over what the gateway tells of its own. What its start took of
 * the loop is no finding: the first window begins after it. Ends with `signal`.
 */
export async function watchRuntime(
  { ownRuntime, clock }: RuntimePorts & { readonly clock: Clock },
  { runtime, gatewayDelay }: Pick<Board, "runtime" | "gatewayDelay">,
  signal: AbortSignal,
): Promise<void> {
  const { nodeVersion } = ownRuntime;
  runtime.set({ nodeVersion });
  await clock.sleep(untilBeatMs(clock.now(), LOOK_EVERY_MS), signal);
  ownRuntime.eventLoopDelayMs();
  while (!signal.aborted) {
    await clock.sleep(untilBeatMs(clock.now(), LOOK_EVERY_MS), signal);
    if (signal.aborted) return;
    const now = clock.now();
    const before = runtime.get();
    const told = gatewayDelay.get();
    const memory = await ownRuntime.memory();
    runtime.set({
      nodeVersion,
      control: delaySeen(before?.control, ownRuntime.eventLoopDelayMs(), LATE_MS.control, now),
      ...(told !== undefined && { gateway: delaySeen(before?.gateway, told, LATE_MS.gateway, now) }),
      ...(memory && { memory }),
    });
  }
}
