import { createHash } from "node:crypto";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/**
 * moby.buildkit.v1.SolveRequest that fetches a URL and keeps nothing of it in the history (field
 * numbers of BuildKit v0.33.1): Ref = 1, Definition = 2, Internal = 11; of a pb.Definition def = 1,
 * the last of which names what is asked for: its only input is the source.
 */
export function writeFetchRequest(ref: string, url: string): Uint8Array {
  const source = sourceOp(url);
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(ref)
    .tag(2, WireType.LengthDelimited)
    .bytes(definition([source, resultOp(source)]))
    .tag(11, WireType.Varint)
    .bool(true)
    .finish();
}

function definition(operations: readonly Uint8Array[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const operation of operations) writer.tag(1, WireType.LengthDelimited).bytes(operation);
  return writer.finish();
}

/** pb.Op: source = 3; pb.SourceOp: identifier = 1. */
function sourceOp(url: string): Uint8Array {
  const source = new BinaryWriter().tag(1, WireType.LengthDelimited).string(url).finish();
  return new BinaryWriter().tag(3, WireType.LengthDelimited).bytes(source).finish();
}

/** pb.Op: inputs = 1; pb.Input: digest = 1, index = 2, here 0 and so left out. */
function resultOp(of: Uint8Array): Uint8Array {
  const digest = `sha256:${createHash("sha256").update(of).digest("hex")}`;
  const input = new BinaryWriter().tag(1, WireType.LengthDelimited).string(digest).finish();
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(input).finish();
}
