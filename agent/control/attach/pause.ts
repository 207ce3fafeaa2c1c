import { fullJitterMs, reconnectBackoff } from "../../core/backoff.ts";
import { ageMs } from "../../core/instant.ts";
import { retryAfterMs } from "../../core/plane-status.ts";
import { firstOf, within } from "../../lifecycle/branch.ts";
import type { AttachCells, AttachPorts } from "./attach.ts";

/**
 * Waits before the next try to reach the control plane: as long as its answer asked for, and full
 * jitter below a ceiling that grows. A client that is turned away meanwhile for want of a newer
 * view shortens the jitter: its build may be open by now. Whoever asks to try now ends it all.
 */
export async function pauseBeforeReconnect(
  { clock }: Pick<AttachPorts, "clock">,
  { plane, gatewayCounts, retryNow }: Pick<AttachCells, "plane" | "gatewayCounts" | "retryNow">,
  { failure, failures }: { readonly failure: unknown; readonly failures: number },
  onPause: (retryInMs: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const began = clock.now();
  const { confirmedAt } = plane.get();
  const viewAgeMs = confirmedAt === undefined ? undefined : ageMs(confirmedAt, began);
  const askedMs = retryAfterMs(failure);
  const jitterMs = (buildWaits: boolean): number =>
    fullJitterMs(reconnectBackoff({ viewAgeMs, buildWaits }), failures, clock.random());
  const before = gatewayCounts.get().waiting;
  const retryInMs = askedMs + jitterMs(false);
  onPause(retryInMs);
  await within(clock, retryInMs, signal, (limit) =>
    firstOf(
      limit,
      (one) => retryNow.next(one),
      async (one) => {
        await gatewayCounts.first(({ waiting }) => waiting > before, one);
        const stillAskedMs = Math.max(0, askedMs - (clock.now().monoMs - began.monoMs));
        await clock.sleep(stillAskedMs + jitterMs(true), one);
      },
    ),
  );
}
