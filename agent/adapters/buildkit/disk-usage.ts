import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { ServiceError } from "@grpc/grpc-js";
import { AgentError } from "../../core/errors.ts";
import { abortReason, buildkitClient, wordsOf } from "./channel.ts";

const DISK_USAGE = "/moby.buildkit.v1.Control/DiskUsage";
const DEADLINE_MS = 5_000;
/** Some 50,000 records. */
const ANSWER_MAX_BYTES = 16 * 1024 * 1024;
/** Twice that; empty ones would be eight millions, and hold this process up. */
const RECORDS_MAX = 100_000;
/** The largest are worth a line each. */
const SHOWN_MAX = 100;

/** What the cache holds. Without descriptions: those are a customer's commands and file names. */
export interface DiskUsage {
  readonly records: number;
  readonly totalBytes: number;
  readonly byType: Readonly<
    Record<string, { readonly records: number; readonly bytes: number; readonly inUse: number }>
  >;
  /** The largest first. */
  readonly largest: readonly UsageRecord[];
}

export interface UsageRecord {
  readonly id: string;
  readonly type: string;
  readonly bytes: number;
  readonly inUse: boolean;
  readonly shared: boolean;
  readonly usageCount: number;
}

/** @throws {AgentError} "buildkit.no-answer" */
export async function diskUsage(socketPath: string, signal: AbortSignal): Promise<DiskUsage> {
  signal.throwIfAborted();
  const client = buildkitClient(socketPath, { "grpc.max_receive_message_length": ANSWER_MAX_BYTES });
  try {
    return summary(await ask(client, socketPath, signal));
  } finally {
    client.close();
  }
}

function ask(
  client: ReturnType<typeof buildkitClient>,
  socketPath: string,
  signal: AbortSignal,
): Promise<readonly UsageRecord[]> {
  return new Promise((resolve, reject) => {
    const cancel = (): void => call.cancel();
    const done = (failure: ServiceError | null, found?: readonly UsageRecord[]): void => {
      signal.removeEventListener("abort", cancel);
      if (found !== undefined) return resolve(found);
      const message = `BuildKit at ${socketPath} did not answer DiskUsage: ${failure === null ? "an empty answer" : wordsOf(failure)}`;
      reject(
        signal.aborted
          ? abortReason(signal)
          : new AgentError("buildkit.no-answer", message, { retryable: true, cause: failure }),
      );
    };
    const deadline = Date.now() + DEADLINE_MS;
    const call = client.makeUnaryRequest(
      DISK_USAGE,
      (request: Buffer) => request,
      readDiskUsage,
      Buffer.alloc(0),
      { deadline },
      done,
    );
    signal.addEventListener("abort", cancel);
  });
}

/** Of an id, and of a type: BuildKit's are of 25 and 20 characters. */
const NAME_MAX = 128;
/** BuildKit has five types. */
const TYPES_MAX = 32;

function summary(records: readonly UsageRecord[]): DiskUsage {
  const byType = new Map<string, { records: number; bytes: number; inUse: number }>();
  for (const { type: said, bytes, inUse } of records) {
    const type = byType.has(said) || byType.size < TYPES_MAX ? said : "other";
    const sum = byType.get(type) ?? { records: 0, bytes: 0, inUse: 0 };
    byType.set(type, { records: sum.records + 1, bytes: sum.bytes + bytes, inUse: sum.inUse + Number(inUse) });
  }
  return {
    records: records.length,
    totalBytes: records.reduce((sum, { bytes }) => sum + bytes, 0),
    byType: Object.fromEntries(byType),
    largest: records.toSorted((a, b) => b.bytes - a.bytes).slice(0, SHOWN_MAX),
  };
}

/**
 * moby.buildkit.v1.DiskUsageResponse (field numbers of BuildKit v0.33.1): record = 1.
 * @throws {RangeError} for more records than any cache has.
 */
export function readDiskUsage(bytes: Uint8Array): readonly UsageRecord[] {
  const records: UsageRecord[] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (records.length > RECORDS_MAX) throw new RangeError(`There are more than ${RECORDS_MAX} records`);
    if (field === 1 && type === WireType.LengthDelimited) records.push(readRecord(reader.bytes()));
    else reader.skip(type, field);
  }
  return records;
}

/** ID = 1, InUse = 3, Size = 4, UsageCount = 8, RecordType = 10, Shared = 11. */
function readRecord(bytes: Uint8Array): UsageRecord {
  const found = { id: "", type: "", bytes: 0, inUse: false, shared: false, usageCount: 0 };
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1 && type === WireType.LengthDelimited) found.id = reader.string().slice(0, NAME_MAX);
    else if (field === 10 && type === WireType.LengthDelimited) found.type = reader.string().slice(0, NAME_MAX);
    else if (field === 3 && type === WireType.Varint) found.inUse = reader.bool();
    else if (field === 11 && type === WireType.Varint) found.shared = reader.bool();
    else if (field === 4 && type === WireType.Varint) found.bytes = Math.max(0, Number(reader.int64()));
    else if (field === 8 && type === WireType.Varint) found.usageCount = Number(reader.int64());
    else reader.skip(type, field);
  }
  return found;
}
