import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

export interface PruneRequest {
  readonly all: boolean;
  readonly minFreeBytes: number;
  /** Only what it matches: "type==source.local". */
  readonly filter?: string;
}

/**
 * moby.buildkit.v1.PruneRequest (field numbers of BuildKit v0.33.1): filter = 1, all = 2,
 * minFreeSpace = 6.
 */
export function writePruneRequest({ all, minFreeBytes, filter }: PruneRequest): Uint8Array {
  const writer = new BinaryWriter();
  if (filter !== undefined) writer.tag(1, WireType.LengthDelimited).string(filter);
  return writer.tag(2, WireType.Varint).bool(all).tag(6, WireType.Varint).int64(Math.ceil(minFreeBytes)).finish();
}

/** moby.buildkit.v1.UsageRecord: Size = 4, in bytes; -1 where BuildKit does not know it. */
export function readUsageBytes(bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes);
  let size = 0;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 4 && type === WireType.Varint) size = Number(reader.int64());
    else reader.skip(type, field);
  }
  return Math.max(0, size);
}
