import { BinaryReader, type WireType } from "@bufbuild/protobuf/wire";
import type { FromPlane } from "../../ports/control-plane.ts";
import { ContractBreach } from "./contract-breach.ts";
import { desiredStateFromProto } from "./desired-state-from-proto.ts";
import { AttachResponse } from "./gen/builder/agent/v1/builder_agent.ts";
import type { DesiredState as DesiredStateProto } from "./gen/builder/agent/v1/desired_state.ts";

export interface ReadMessage {
  /** Absent: a kind of message that this agent does not know. */
  readonly message?: FromPlane;
  readonly unknownFields: number;
}

/**
 * Reads one message of the stream. Whatever the bytes are, it never throws: a malformed message
 * must not cost the stream. Bytes that are not protobuf at all count as a malformed state of
 * revision 0.
 */
export function messageFromPlane(bytes: Uint8Array): ReadMessage {
  const reader = new CountingReader(bytes);
  const decoded = decode(reader);
  if (decoded === undefined) {
    return { message: malformed(0n, "The message is not a readable AttachResponse"), unknownFields: 0 };
  }
  return { ...(decoded.message && { message: fromProto(decoded.message) }), unknownFields: reader.skipped };
}

/** Generated decoders skip exactly the fields that they do not know. */
class CountingReader extends BinaryReader {
  skipped = 0;

  override skip(wireType: WireType, fieldNo?: number): Uint8Array {
    this.skipped += 1;
    return super.skip(wireType, fieldNo);
  }
}

function decode(reader: BinaryReader): AttachResponse | undefined {
  try {
    return AttachResponse.decode(reader);
  } catch {
    return undefined;
  }
}

function fromProto(message: NonNullable<AttachResponse["message"]>): FromPlane {
  switch (message.$case) {
    case "desired":
      return desired(message.value);
    case "recordsAck":
      return { is: "records-ack", ...message.value };
    default:
      return message satisfies never;
  }
}

function desired(state: DesiredStateProto): FromPlane {
  try {
    return { is: "desired", state: desiredStateFromProto(state) };
  } catch (failure) {
    if (!(failure instanceof ContractBreach)) throw failure;
    return malformed(state.revision, `Revision ${state.revision}: ${failure.message}`);
  }
}

function malformed(revision: bigint, because: string): FromPlane {
  return { is: "malformed", revision, because };
}
