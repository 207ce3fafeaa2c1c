import { join } from "node:path";
import { AgentError } from "../../core/errors.ts";
import { RecordLedger } from "../../core/record-ledger.ts";
import type { SessionSummary } from "../../core/session.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log, LogOf } from "../../ports/log.ts";
import type { RecordStore } from "../../ports/records.ts";
import type { Journal } from "./journal.ts";
import { JournalFile } from "./journal-file.ts";
import { JournaledRecords } from "./journaled-records.ts";
import { loadJournal } from "./load-journal.ts";
import { newQuarantine, type Quarantine, writeQuarantine } from "./quarantine.ts";
import { RECORD_LIMITS, type RecordLimits } from "./record-limits.ts";

export interface RecordsOptions {
  /** Made if it is not there. One process at a time. */
  readonly directory: string;
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: RecordLimits;
  /** Of each new record, once it is on disk: lost sessions too, and none twice. */
  readonly onRecord?: (summary: SessionSummary) => void;
  /** A file, if absent. */
  readonly openJournal?: (path: string) => Promise<Journal>;
}

/**
 * @throws {AgentError} "records.cannot-open", retryable: the directory cannot be written, or its
 * disk cannot be read.
 */
export async function openRecords(options: RecordsOptions): Promise<RecordStore & AsyncDisposable> {
  const { directory, log, clock } = options;
  const openJournal = options.openJournal ?? ((path) => JournalFile.open(path));
  const journal = await openJournal(join(directory, "journal.ndjson"));
  const ledger = new RecordLedger(options.bootId);
  const quarantine = newQuarantine();
  try {
    const kept = await loadJournal(journal, ledger, quarantine, log);
    const records = new JournaledRecords({
      journal,
      ledger,
      kept,
      clock,
      log,
      limits: options.limits ?? RECORD_LIMITS,
      onRecord: options.onRecord ?? (() => undefined),
    });
    if (quarantine.count > 0 && (await isKeptAside(quarantine, directory, log))) await records.compact();
    return Object.assign(records, { [Symbol.asyncDispose]: () => records.close() });
  } catch (cause) {
    await journal.close();
    throw new AgentError("records.cannot-open", `Cannot read the session records in ${directory}`, {
      retryable: true,
      cause,
    });
  }
}

/**
 * A disk without room for a copy of what is damaged costs nobody a record, nor this process its
 * start: the lines stay where they are.
 */
async function isKeptAside(
  quarantine: Quarantine,
  directory: string,
  log: LogOf<"records.damaged" | "records.damaged-not-kept">,
): Promise<boolean> {
  const keptIn = join(directory, "damaged.ndjson");
  const damagedLines = quarantine.count;
  try {
    await writeQuarantine(keptIn, quarantine);
    log.error({ damagedLines, keptIn }, "records.damaged");
    return true;
  } catch (err) {
    log.error({ damagedLines, keptIn, err }, "records.damaged-not-kept");
    return false;
  }
}
