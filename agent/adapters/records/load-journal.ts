import type { JournalEntry } from "../../core/journal-entry.ts";
import type { RecordLedger } from "../../core/record-ledger.ts";
import type { Log } from "../../ports/log.ts";
import type { Journal, Place } from "./journal.ts";
import { decodeLine } from "./journal-line.ts";
import { type Quarantine, setAside } from "./quarantine.ts";
import type { WaitingLines } from "./waiting-lines.ts";

/** A damaged newline makes one line of two: a damaged line may have given two numbers. */
const NUMBERS_IN_A_DAMAGED_LINE = 2;

/**
 * Reads what an earlier process left. A line that was torn by a crash is dropped: nobody was told that it is kept. A damaged one is set aside for
 * a person to look at, and the others count.
 *
 * @returns whether the journal holds damaged lines.
 */
export async function loadJournal(
  journal: Journal,
  into: { readonly ledger: RecordLedger; readonly waiting: WaitingLines },
  quarantine: Quarantine,
  log: Log,
): Promise<boolean> {
  let damagedAtEnd = 0;
  const { tornBytes } = await journal.load((scanned) => {
    const entry = decodeLine(scanned.line);
    if (entry === undefined) {
      damagedAtEnd += 1;
      setAside(quarantine, scanned.line);
    } else {
      damagedAtEnd = 0;
      into.ledger.apply(entry);
      index(into.waiting, into.ledger, entry, scanned);
    }
  });
  into.ledger.skipNumbers(damagedAtEnd * NUMBERS_IN_A_DAMAGED_LINE);
  into.ledger.trim();
  if (tornBytes > 0) log.warn({ tornBytes }, "records.torn-line-dropped");
  return quarantine.count > 0;
}

/** Only places: the record stays on disk. */
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
