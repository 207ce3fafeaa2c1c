import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { expect, it } from "vitest";
import { readDiskUsage } from "../../agent/adapters/buildkit/disk-usage.ts";

/** As BuildKit writes a record; what is not read here stands between what is. */
function record(id: string, type: string, bytes: number): Uint8Array {
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(id)
    .tag(3, WireType.Varint)
    .bool(true)
    .tag(4, WireType.Varint)
    .int64(bytes)
    .tag(8, WireType.Varint)
    .int64(2)
    .tag(9, WireType.LengthDelimited)
    .string("mount / from exec sh -c deploy --password hunter2")
    .tag(10, WireType.LengthDelimited)
    .string(type)
    .finish();
}

it("a record is read as far as it is told, and its description is passed over", () => {
  const answer = [record("a", "regular", 10), record("b", "exec.cachemount", -1)].reduce(
    (writer, bytes) => writer.tag(1, WireType.LengthDelimited).bytes(bytes),
    new BinaryWriter(),
  );
  const records = readDiskUsage(answer.finish());
  expect(records).toEqual([
    { id: "a", type: "regular", bytes: 10, inUse: true, shared: false, usageCount: 2 },
    { id: "b", type: "exec.cachemount", bytes: 0, inUse: true, shared: false, usageCount: 2 },
  ]);
  expect(JSON.stringify(records)).not.toContain("hunter2");
});
