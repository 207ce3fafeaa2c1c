import type { Instant } from "../../core/instant.ts";
import { within } from "../../lifecycle/branch.ts";
import type { PlaneStream } from "../../ports/control-plane.ts";
import type { AttachCells, AttachPorts } from "./attach.ts";

const RECORDS_AT_ONCE = 500;
/** The contract: records that are not acknowledged are sent again after this. */
const RECORDS_AGAIN_MS = 30_000;

interface Sent {
  readonly bootId: string;
  readonly upTo: bigint;
  readonly atMonoMs: number;
}

/**
 * Sends what is new, a window at a time. What is not acknowledged 30 s after it was sent goes out
 * again, whatever else moves.
 */
export async function sendRecords(
  { records, clock }: Pick<AttachPorts, "records" | "clock">,
  cells: Pick<AttachCells, "records" | "plane">,
  stream: PlaneStream,
  signal: AbortSignal,
): Promise<void> {
  let inFlight: readonly Sent[] = [];
  /** The oldest record that waits. */
  let owed: string | undefined;
  while (!signal.aborted) {
    const before = cells.records.get();
    const batch = records.pending(RECORDS_AT_ONCE);
    inFlight = stillWaiting(inFlight, batch, clock.now().monoMs);
    const sentUpTo = inFlight.at(-1)?.upTo ?? 0n;
    const fresh = batch?.records.filter(({ sequence }) => sequence > sentUpTo) ?? [];
    const last = fresh.at(-1);
    if (batch !== undefined && last !== undefined) {
      await stream.send({ is: "records", bootId: batch.bootId, records: fresh });
      inFlight = [...inFlight, { bootId: batch.bootId, upTo: last.sequence, atMonoMs: clock.now().monoMs }];
    }
    const [oldest] = inFlight;
    const oldestId = batch?.records[0] && `${batch.bootId} ${batch.records[0].sequence}`;
    if (oldestId !== owed) noteOwed(cells, oldestId === undefined ? undefined : clock.now());
    owed = oldestId;
    const againMs =
      oldest === undefined ? Number.POSITIVE_INFINITY : oldest.atMonoMs + RECORDS_AGAIN_MS - clock.now().monoMs;
    await within(clock, Math.max(1, againMs), signal, (again) =>
      cells.records.first((counts) => counts !== before, again),
    );
  }
}

/** Since when the oldest of them waits: by its first sending, not by its last. */
function noteOwed({ plane }: Pick<AttachCells, "plane">, sentAt: Instant | undefined): void {
  plane.update(({ recordsSentAt: _, ...view }) => ({ ...view, ...(sentAt && { recordsSentAt: sentAt }) }));
}

/**
 * What was sent of this boot and is still to be acknowledged. Once the oldest has waited too long,
 * nothing counts as sent.
 */
function stillWaiting(
  sent: readonly Sent[],
  batch: { readonly bootId: string; readonly records: readonly { readonly sequence: bigint }[] } | undefined,
  nowMonoMs: number,
): readonly Sent[] {
  const first = batch?.records[0]?.sequence;
  if (batch === undefined || first === undefined) return [];
  const waiting = sent.filter(({ bootId, upTo }) => bootId === batch.bootId && upTo >= first);
  const [oldest] = waiting;
  return oldest !== undefined && nowMonoMs - oldest.atMonoMs >= RECORDS_AGAIN_MS ? [] : waiting;
}
