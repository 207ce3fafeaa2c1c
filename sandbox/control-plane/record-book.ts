import { status } from "@grpc/grpc-js";
import type { SessionRecord, SessionRecords } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { RecordJournal } from "./kept/record-journal.ts";
import { type ProjectRef, projectName } from "./project-ref.ts";
import { Refusal } from "./refusal.ts";

export interface StoredRecord extends SessionRecord {
  readonly bootId: string;
}

/** Session records, each once, however often it is sent. */
export class RecordBook {
  readonly #boots = new Map<string, Boot>();
  readonly #journal: RecordJournal;
  readonly #newest: StoredRecord[] = [];
  /** How many came that were stored already. */
  #repeats = 0;

  constructor(journal: RecordJournal) {
    this.#journal = journal;
    for (const { project, bootId, upTo, beyond } of journal.recalled)
      this.#boots.set(`${project}/${bootId}`, { upTo, beyond: new Set(beyond) });
  }

  get repeats(): number {
    return this.#repeats;
  }

  /** In the order of their coming; those of this process, as far as it holds them in memory. */
  all(): readonly StoredRecord[] {
    return this.#newest;
  }

  /**
   * Stores what is new, and gives the number up to which nothing is missing. An agent sends its
   * oldest unacknowledged records first, so the first one that is ever seen of a boot is taken as
   * the one after the last acknowledged.
   * @throws {Refusal} INVALID_ARGUMENT: a record of another project, or without what it must have.
   * @throws {Error} when they cannot be kept: none counts as stored.
   */
  store(from: ProjectRef, sent: SessionRecords): bigint {
    const { bootId } = sent;
    if (bootId === "") throw new Refusal(status.INVALID_ARGUMENT, "records.boot_id: empty");
    for (const record of sent.records) check(from, record);
    const project = projectName(from);
    const first = sent.records[0]?.sequence ?? 1n;
    const known = this.#boots.get(`${project}/${bootId}`) ?? { upTo: first - 1n, beyond: new Set<bigint>() };
    const fresh = new Map<bigint, SessionRecord>();
    for (const record of sent.records) {
      const { sequence } = record;
      if (sequence <= known.upTo || known.beyond.has(sequence) || fresh.has(sequence)) this.#repeats += 1;
      else fresh.set(sequence, record);
    }
    const boot = { upTo: known.upTo, beyond: new Set([...known.beyond, ...fresh.keys()]) };
    while (boot.beyond.delete(boot.upTo + 1n)) boot.upTo += 1n;
    const records = [...fresh.values()];
    if (records.length > 0) this.#journal.append({ project, bootId, upTo: boot.upTo, records });
    this.#boots.set(`${project}/${bootId}`, boot);
    for (const record of records) this.#newest.push({ ...record, bootId });
    if (this.#newest.length > this.#journal.mostInMemory)
      this.#newest.splice(0, this.#newest.length - this.#journal.mostInMemory);
    return boot.upTo;
  }
}

interface Boot {
  readonly upTo: bigint;
  /** Stored beyond `upTo`, after a gap. */
  readonly beyond: ReadonlySet<bigint>;
}

function check(from: ProjectRef, record: SessionRecord): void {
  if (record.sequence < 1n) throw new Refusal(status.INVALID_ARGUMENT, "records.sequence: counts from 1");
  if (record.orgId !== from.org || record.projectId !== from.project) {
    throw new Refusal(
      status.INVALID_ARGUMENT,
      `records.org_id, project_id: this machine is of ${projectName(from)}, the record of ${record.orgId}/${record.projectId}`,
    );
  }
}
