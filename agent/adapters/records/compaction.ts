import type { RecordLedger } from "../../core/record-ledger.ts";
import type { Journal, Place } from "./journal.ts";
import { encodeLine } from "./journal-line.ts";
import { type KeptLines, WaitingLines } from "./waiting-lines.ts";

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

/**
 * Writes the journal anew with what still counts, by atomic rename. `moved` says where the kept
 * lines are from now on, in the moment in which that becomes true.
 */
export async function compact(
  journal: Journal,
  ledger: RecordLedger,
  kept: KeptLines,
  moved: (kept: KeptLines) => void,
): Promise<void> {
  const next = { waiting: new WaitingLines(), unknown: [] };
  await journal.replace(fresh(journal, ledger, kept, next), () => moved(next));
}

/** Acknowledgements may come while this is being written: it holds what waited at the start. */
function* fresh(
  journal: Journal,
  ledger: RecordLedger,
  { waiting, unknown }: KeptLines,
  moved: { readonly waiting: WaitingLines; readonly unknown: Place[] },
): Generator<Buffer, void, undefined> {
  const { before, after } = ledger.snapshot();
  const boots = [...ledger.bootIds()].map((bootId) => ({ bootId, lines: [...waiting.of(bootId)] }));
  const head = Buffer.concat(before.map(encodeLine));
  yield head;
  let offset = head.byteLength;
  for (const { bootId, lines } of boots) {
    for (const run of runs(lines)) {
      yield copied(journal, run);
      for (const { sequence, length } of run) {
        moved.waiting.add(bootId, { sequence, offset, length });
        offset += length;
      }
    }
  }
  const tail = Buffer.concat(after.map(encodeLine));
  yield tail;
  offset += tail.byteLength;
  for (const run of runs(unknown)) {
    yield copied(journal, run);
    for (const { length } of run) {
      moved.unknown.push({ offset, length });
      offset += length;
    }
  }
}

function copied(journal: Journal, run: readonly Place[]): Buffer {
  const [first, last] = [run[0], run.at(-1)];
  if (first === undefined || last === undefined) return Buffer.alloc(0);
  const span = journal.read({ offset: first.offset, length: last.offset + last.length - first.offset });
  return Buffer.concat(
    run.map((line) => span.subarray(line.offset - first.offset, line.offset - first.offset + line.length)),
  );
}

/** Lines that lie close together, to be read at once. */
function* runs<Line extends Place>(lines: Iterable<Line>): Generator<readonly Line[], void, undefined> {
  let run: Line[] = [];
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
