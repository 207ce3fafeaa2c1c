import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { BuildRecord } from "../../core/build-history.ts";

/**
 * moby.buildkit.v1.BuildHistoryRequest (field numbers of BuildKit v0.33.1): Ref = 2, EarlyExit = 3.
 * With a ref: that record, and what becomes of it until the call is cancelled; without: all there
 * are.
 */
export function writeHistoryRequest(ref?: string): Uint8Array {
  const writer = new BinaryWriter();
  if (ref === undefined) return writer.tag(3, WireType.Varint).bool(true).finish();
  return writer.tag(2, WireType.LengthDelimited).string(ref).finish();
}

/** moby.buildkit.v1.UpdateBuildHistoryRequest: Ref = 1, Delete = 3. */
export function writeDeleteRequest(ref: string): Uint8Array {
  return new BinaryWriter().tag(1, WireType.LengthDelimited).string(ref).tag(3, WireType.Varint).bool(true).finish();
}

/** moby.buildkit.v1.BuildHistoryEvent: record = 2. */
export function readHistoryEvent(bytes: Uint8Array): BuildRecord {
  const reader = new BinaryReader(bytes);
  let record: BuildRecord = { ref: "", isPinned: false };
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 2 && type === WireType.LengthDelimited) record = readRecord(reader.bytes());
    else reader.skip(type, field);
  }
  return record;
}

/** moby.buildkit.v1.BuildHistoryRecord: Ref = 1, CompletedAt = 7, pinned = 14. */
function readRecord(bytes: Uint8Array): BuildRecord {
  const reader = new BinaryReader(bytes);
  let [ref, isPinned] = ["", false];
  let endedAtMs: number | undefined;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1 && type === WireType.LengthDelimited) ref = reader.string();
    else if (field === 7 && type === WireType.LengthDelimited) endedAtMs = readSeconds(reader.bytes()) * 1_000;
    else if (field === 14 && type === WireType.Varint) isPinned = reader.bool();
    else reader.skip(type, field);
  }
  return { ref, isPinned, ...(endedAtMs !== undefined && { endedAtMs }) };
}

/** google.protobuf.Timestamp: seconds = 1. */
function readSeconds(bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes);
  let seconds = 0;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1 && type === WireType.Varint) seconds = Number(reader.int64());
    else reader.skip(type, field);
  }
  return seconds;
}
