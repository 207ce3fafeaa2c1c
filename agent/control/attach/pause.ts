import { fullJitterMs, reconnectBackoff } from "../../core/backoff.ts";
import { ageMs } from "../../core/instant.ts";
import { firstOf, within } from "../../lifecycle/branch.ts";
import type { AttachCells, AttachPorts } from "./attach.ts";

/**
 * Waits before the next try to reach the control plane: full jitter below a ceiling that doubles. A
 * client that is turned away meanwhile for want of a newer view shortens it: its build may be open
 * by now. Whoever asks to try now ends it.
 */
export async function pauseBeforeReconnect(
  { clock }: Pick<AttachPorts, "clock">,
  { plane, gatewayCounts, retryNow }: Pick<AttachCells, "plane" | "gatewayCounts" | "retryNow">,
  failures: number,
  onPause: (retryInMs: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { confirmedAt } = plane.get();
  const viewAgeMs = confirmedAt === undefined ? undefined : ageMs(confirmedAt, clock.now());
  const pauseMs = (buildWaits: boolean): number =>
    fullJitterMs(reconnectBackoff({ viewAgeMs, buildWaits }), failures, clock.random());
  const before = gatewayCounts.get().waiting;
  const retryInMs = pauseMs(false);
  onPause(retryInMs);
  await within(clock, retryInMs, signal, (limit) =>
    firstOf(
      limit,
      (one) => retryNow.next(one),
      async (one) => {
        await gatewayCounts.first(({ waiting }) => waiting > before, one);
        await clock.sleep(pauseMs(true), one);
      },
    ),
  );
}
