import type { JournalEntry } from "../../core/journal-entry.ts";
import type { RecordLedger } from "../../core/record-ledger.ts";
import type { Log } from "../../ports/log.ts";
import type { Journal, Place } from "./journal.ts";
import { decodeLine } from "./journal-line.ts";
import { type Quarantine, setAside } from "./quarantine.ts";
import { type KeptLines, WaitingLines } from "./waiting-lines.ts";

/** A damaged newline makes one line of two: a damaged line may have given two numbers. */
const NUMBERS_IN_A_DAMAGED_LINE = 2;

/**
 * Of a newer release, some ten thousand lines. What exceeds it is set aside like a damaged line.
 */
const MOST_UNKNOWN_BYTES = 4 * 1024 * 1024;

/**
 * Reads what an earlier process left. A line that was torn by a crash is dropped: nobody was told
 * that it is kept. A damaged one is set aside for a person to look at, and the others count. One
 * that only a newer release understands stays in the journal for it.
 */
export async function loadJournal(
  journal: Journal,
  ledger: RecordLedger,
  quarantine: Quarantine,
  log: Log,
): Promise<KeptLines> {
  const waiting = new WaitingLines();
  const unknown: Place[] = [];
  let unknownBytes = 0;
  let damagedAtEnd = 0;
  const { tornBytes } = await journal.load(({ line, offset, length }) => {
    const decoded = decodeLine(line);
    damagedAtEnd = decoded.is === "damaged" ? damagedAtEnd + 1 : 0;
    if (decoded.is === "entry") {
      ledger.apply(decoded.entry);
      index(waiting, ledger, decoded.entry, { offset, length });
      return;
    }
    if (decoded.is === "unknown" && decoded.numbered !== undefined)
      ledger.skipTo(decoded.numbered.bootId, decoded.numbered.next);
    if (decoded.is === "unknown" && unknownBytes + length <= MOST_UNKNOWN_BYTES) {
      unknownBytes += length;
      unknown.push({ offset, length });
    } else setAside(quarantine, line);
  });
  ledger.skipNumbers(damagedAtEnd * NUMBERS_IN_A_DAMAGED_LINE);
  ledger.trim();
  if (tornBytes > 0) log.warn({ tornBytes }, "records.torn-line-dropped");
  if (unknown.length > 0) log.warn({ lines: unknown.length, bytes: unknownBytes }, "records.newer-lines-kept");
  return { waiting, unknown };
}

/** Where a line that was written is; the record itself stays on disk. */
export function index(
  waiting: WaitingLines,
  ledger: RecordLedger,
  entry: JournalEntry,
  { offset, length }: Place,
): void {
  const sequence = entry.next - 1;
  if (entry.is === "forgotten") waiting.forget(entry.bootId, entry.upTo);
  else if (entry.is === "closed" && sequence > ledger.forgottenUpTo(entry.bootId))
    waiting.add(entry.bootId, { sequence, offset, length });
}
