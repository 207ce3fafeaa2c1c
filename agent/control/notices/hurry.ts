import { firstOf } from "../../lifecycle/branch.ts";
import type { Cell } from "../../lifecycle/cell.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Means } from "./heeding.ts";

/** Once the time for the last steps has begun, each of them is cut short. */
export async function hurryFromThen(
  hurryFrom: Cell<number | undefined>,
  clock: Clock,
  order: Means["order"],
  signal: AbortSignal,
): Promise<void> {
  for (let known: number | undefined; !signal.aborted; ) {
    const leftMs = known === undefined ? Number.POSITIVE_INFINITY : known - clock.now().monoMs;
    if (leftMs <= 0) break;
    const before = known;
    await firstOf(
      signal,
      (one) => clock.sleep(leftMs, one),
      (one) => hurryFrom.first((now) => now !== before, one),
    );
    known = hurryFrom.get();
  }
  if (signal.aborted) return;
  order({
    from: "provider",
    reason: "the platform's notice is almost over",
    deadlineMonoMs: clock.now().monoMs,
    hurry: true,
  });
  await hurryFrom.first(() => false, signal);
}
