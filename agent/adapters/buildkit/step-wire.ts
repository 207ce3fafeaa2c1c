import { createHash } from "node:crypto";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** Of the step's program: what BuildKit shows of the step, and by what its layers are found. */
const PROGRAM = "/builder-agent-tries-a-step";
const STEP_HOST = "builder-agent";
const PROGRAM_LAYER = "builder-agent: the program of the step that is tried";
/** As BuildKit describes what a step wrote (v0.33.1, solver/llbsolver/ops/exec.go). */
const STEP_LAYER = `mount / from exec ${PROGRAM}`;

/**
 * moby.buildkit.v1.SolveRequest that writes `program` into an empty root and runs it there, in a
 * network like each step's, and keeps nothing of it in the history (field numbers of BuildKit
 * v0.33.1): Ref = 1, Definition = 2, Internal = 11; of a pb.Definition def = 1, metadata = 2.
 */
export function writeStepRequest(ref: string, program: Uint8Array): Uint8Array {
  const written = programOp(program);
  const ran = stepOp(written);
  const definition = new BinaryWriter();
  for (const operation of [written, ran, op([ran])]) definition.tag(1, WireType.LengthDelimited).bytes(operation);
  definition.tag(2, WireType.LengthDelimited).bytes(nameOf(written, PROGRAM_LAYER));
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(ref)
    .tag(2, WireType.LengthDelimited)
    .bytes(definition.finish())
    .tag(11, WireType.Varint)
    .bool(true)
    .finish();
}

/**
 * moby.buildkit.v1.PruneRequest of the two layers of each such step, and of nothing else: filter =
 * 1, of which one has to match; all = 2: whatever else might hold them.
 */
export function writeStepPruneRequest(): Uint8Array {
  const request = new BinaryWriter();
  for (const layer of [PROGRAM_LAYER, STEP_LAYER])
    request.tag(1, WireType.LengthDelimited).string(`description==${JSON.stringify(layer)}`);
  return request.tag(2, WireType.Varint).bool(true).finish();
}

/** pb.Op: inputs = 1. What else it does is already written. */
function op(inputs: readonly Uint8Array[], kind = 0, body = new Uint8Array()): Uint8Array {
  const writer = new BinaryWriter();
  for (const input of inputs) {
    // pb.Input: digest = 1, index = 2, here 0 and so left out.
    const bytes = new BinaryWriter().tag(1, WireType.LengthDelimited).string(digestOf(input)).finish();
    writer.tag(1, WireType.LengthDelimited).bytes(bytes);
  }
  return kind === 0 ? writer.finish() : writer.tag(kind, WireType.LengthDelimited).bytes(body).finish();
}

/**
 * pb.Op: file = 4; pb.FileOp: actions = 2; pb.FileAction: input = 1, secondaryInput = 2 (both -1:
 * none), output = 3 (0), mkfile = 5; pb.FileActionMkFile: path = 1, mode = 2, data = 3, timestamp =
 * 5 (-1: now).
 */
function programOp(program: Uint8Array): Uint8Array {
  const file = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(PROGRAM)
    .tag(2, WireType.Varint)
    .int32(0o755)
    .tag(3, WireType.LengthDelimited)
    .bytes(program)
    .tag(5, WireType.Varint)
    .int64(-1)
    .finish();
  const action = new BinaryWriter()
    .tag(1, WireType.Varint)
    .int64(-1)
    .tag(2, WireType.Varint)
    .int64(-1)
    .tag(5, WireType.LengthDelimited)
    .bytes(file)
    .finish();
  return op([], 4, new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(action).finish());
}

/**
 * pb.Op: exec = 2; pb.ExecOp: meta = 1, mounts = 2; pb.Meta: args = 1, cwd = 3, hostname = 7;
 * pb.Mount: dest = 3, its input and output the first, 0 and so left out. Its network is like each
 * step's; one with a name of its own is made for it, and not taken from those that were made before
 * (util/network/cniprovider/cni.go).
 */
function stepOp(root: Uint8Array): Uint8Array {
  const meta = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(PROGRAM)
    .tag(3, WireType.LengthDelimited)
    .string("/")
    .tag(7, WireType.LengthDelimited)
    .string(STEP_HOST)
    .finish();
  const mount = new BinaryWriter().tag(3, WireType.LengthDelimited).string("/").finish();
  const exec = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .bytes(meta)
    .tag(2, WireType.LengthDelimited)
    .bytes(mount)
    .finish();
  return op([root], 2, exec);
}

/**
 * An entry of metadata, digest = 1 → pb.OpMetadata = 2: description = 2, "llb.customname" → `name`.
 */
function nameOf(operation: Uint8Array, name: string): Uint8Array {
  const description = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string("llb.customname")
    .tag(2, WireType.LengthDelimited)
    .string(name)
    .finish();
  const metadata = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(description).finish();
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(digestOf(operation))
    .tag(2, WireType.LengthDelimited)
    .bytes(metadata)
    .finish();
}

function digestOf(operation: Uint8Array): string {
  return `sha256:${createHash("sha256").update(operation).digest("hex")}`;
}
