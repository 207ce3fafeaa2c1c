import { BinaryReader, type WireType } from "@bufbuild/protobuf/wire";
import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
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
    const why = reader.isOverfull
      ? `has more than ${CONTRACT_LIMITS.messageNumbers} values`
      : "is not a readable AttachResponse";
    return { message: malformed(0n, `The message ${why}`), unknownFields: 0 };
  }
  return { ...(decoded.message && { message: fromProto(decoded.message) }), unknownFields: reader.skipped };
}

/**
 * Generated decoders skip exactly the fields that they do not know, and make an object of each two
 * bytes that say so: eight million of a message that is as large as may come. So it is bounded.
 */
class CountingReader extends BinaryReader {
  skipped = 0;
  #left = CONTRACT_LIMITS.messageNumbers;

  constructor(bytes: Uint8Array) {
    super(bytes);
    const { uint32 } = this;
    // The library has it as a field, and calls it for each tag, length and number of 32 bits.
    this.uint32 = () => {
      if (--this.#left < 0) throw new RangeError("the message has too many values");
      return uint32.call(this);
    };
  }

  get isOverfull(): boolean {
    return this.#left < 0;
  }

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
