import { status } from "@grpc/grpc-js";
import type { SessionRecord, SessionRecords } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { type ProjectRef, projectName } from "./project-ref.ts";
import { Refusal } from "./refusal.ts";

export interface StoredRecord extends SessionRecord {
  readonly bootId: string;
}

/** Session records, each once, however often it is sent. */
export class RecordBook {
  readonly #boots = new Map<string, Boot>();
  /** How many came that were stored already. */
  #repeats = 0;

  get repeats(): number {
    return this.#repeats;
  }

  /** In the order of their coming. */
  all(): readonly StoredRecord[] {
    return [...this.#boots.values()].flatMap((boot) => boot.records);
  }

  /**
   * Stores what is new, and gives the number up to which nothing is missing. An agent sends its
   * oldest unacknowledged records first, so the first one that is ever seen of a boot is taken as
   * the one after the last acknowledged.
   * @throws {Refusal} INVALID_ARGUMENT: a record of another project, or without what it must have.
   */
  store(from: ProjectRef, sent: SessionRecords): bigint {
    if (sent.bootId === "") throw new Refusal(status.INVALID_ARGUMENT, "records.boot_id: empty");
    for (const record of sent.records) check(from, record);
    const key = `${projectName(from)}/${sent.bootId}`;
    const first = sent.records[0]?.sequence ?? 1n;
    const boot = this.#boots.get(key) ?? { records: [], seen: new Set<bigint>(), upTo: first - 1n };
    this.#boots.set(key, boot);
    for (const record of sent.records) {
      if (record.sequence <= boot.upTo || boot.seen.has(record.sequence)) {
        this.#repeats += 1;
        continue;
      }
      boot.seen.add(record.sequence);
      boot.records.push({ ...record, bootId: sent.bootId });
    }
    while (boot.seen.delete(boot.upTo + 1n)) boot.upTo += 1n;
    return boot.upTo;
  }
}

interface Boot {
  readonly records: StoredRecord[];
  /** Stored beyond `upTo`, after a gap. */
  readonly seen: Set<bigint>;
  upTo: bigint;
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
