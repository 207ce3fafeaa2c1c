import type { RecordLedger } from "../../core/record-ledger.ts";
import type { Journal } from "./journal.ts";
import { encodeLine } from "./journal-line.ts";
import { type WaitingLine, WaitingLines } from "./waiting-lines.ts";

const WINDOW_BYTES = 1024 * 1024;

export interface JournalUse {
  readonly sizeBytes: number;
  readonly waitingBytes: number;
  /** What a fresh journal needs besides its records. */
  readonly overheadBytes: number;
}

/** When to write the journal anew: once more than half of it says nothing any more. */
export function worthCompacting(use: JournalUse, leastGarbageBytes: number): boolean {
  const garbageBytes = use.sizeBytes - use.waitingBytes - use.overheadBytes;
  return garbageBytes > Math.max(leastGarbageBytes, use.waitingBytes);
}

/** Writes the journal anew with what still counts, by atomic rename. Returns where the waiting records are now. */
export async function compact(journal: Journal, ledger: RecordLedger, waiting: WaitingLines): Promise<WaitingLines> {
  const moved = new WaitingLines();
  await journal.replace(fresh(journal, ledger, waiting, moved));
  return moved;
}

function* fresh(
  journal: Journal,
  ledger: RecordLedger,
  waiting: WaitingLines,
  moved: WaitingLines,
): Generator<Buffer, void, undefined> {
  const { before, after } = ledger.snapshot();
  const head = Buffer.concat(before.map(encodeLine));
  yield head;
  let offset = head.byteLength;
  for (const bootId of ledger.bootIds()) {
    for (const run of runs(waiting.of(bootId))) {
      const [first, last] = [run[0], run.at(-1)];
      if (first === undefined || last === undefined) continue;
      const span = journal.read({ offset: first.offset, length: last.offset + last.length - first.offset });
      const lines = run.map((line) =>
        span.subarray(line.offset - first.offset, line.offset - first.offset + line.length),
      );
      for (const { sequence, length } of run) {
        moved.add(bootId, { sequence, offset, length });
        offset += length;
      }
      yield Buffer.concat(lines);
    }
  }
  yield Buffer.concat(after.map(encodeLine));
}

/** Lines that lie close together, to be read at once. */
function* runs(lines: Iterable<WaitingLine>): Generator<readonly WaitingLine[], void, undefined> {
  let run: WaitingLine[] = [];
  for (const line of lines) {
    const start = run[0]?.offset ?? line.offset;
    if (line.offset < start || line.offset + line.length - start > WINDOW_BYTES) {
      yield run;
      run = [];
    }
    run.push(line);
  }
  yield run;
}
