import { PlaneError } from "../../core/plane-status.ts";
import type {
  FromTerminal,
  RecordingStream,
  TerminalOpened,
  TerminalStream,
  ToRecording,
  ToTerminal,
} from "../../ports/debug-terminal.ts";
import type { CallLimits } from "./call-limits.ts";
import type { Connection } from "./connections.ts";
import { ContractBreach } from "./contract-breach.ts";
import { DuplexCall } from "./duplex-call.ts";
import { BuilderAgentServiceService as Service } from "./gen/builder/agent/v1/builder_agent.ts";
import {
  type DebugTerminalRequest,
  DebugTerminalResponse,
  type UploadRecordingRequest,
  UploadRecordingResponse,
} from "./gen/builder/agent/v1/streams.ts";
import { safeInteger } from "./scalars-from-proto.ts";
import { uint32, uint64 } from "./scalars-to-proto.ts";

interface Way {
  readonly connection: Connection;
  readonly limits: CallLimits;
  readonly signal: AbortSignal;
}

/** One stream of a terminal. */
export function terminalStream(way: Way, opened: TerminalOpened): TerminalStream {
  const name = "DebugTerminal";
  const { grantId, columns, rows, resumed, outputFrom, inputTaken, recordingId } = opened;
  const call = new DuplexCall<DebugTerminalRequest, FromTerminal>({
    ...way,
    name,
    method: Service.debugTerminal,
    first: {
      message: {
        $case: "opened",
        value: {
          ...{ grantId, resumed, recordingId, columns: uint32(columns), rows: uint32(rows) },
          ...{ outputFrom: uint64(outputFrom), inputTaken: uint64(inputTaken) },
        },
      },
    },
    parse: (bytes) => parsed(name, () => fromTerminal(DebugTerminalResponse.decode(bytes))),
  });
  return {
    incoming: call.incoming,
    send: (message) => call.send({ message: toTerminal(message) }),
    finish: () => call.finish(),
  };
}

/** One stream of a recording. */
export function recordingStream(
  way: Way,
  { recordingId, grantId }: { readonly recordingId: string; readonly grantId: string },
): RecordingStream {
  const name = "UploadRecording";
  const call = new DuplexCall<UploadRecordingRequest, { readonly storedUpTo: number; readonly complete: boolean }>({
    ...way,
    name,
    method: Service.uploadRecording,
    first: { message: { $case: "header", value: { recordingId, grantId, mediaType: "application/x-asciicast" } } },
    parse: (bytes) =>
      parsed(name, () => {
        const { storedUpTo, complete } = UploadRecordingResponse.decode(bytes);
        return { storedUpTo: safeInteger("stored_up_to", storedUpTo), complete };
      }),
  });
  return {
    incoming: call.incoming,
    send: (message) => call.send({ message: toRecording(message) }),
    finish: () => call.finish(),
  };
}

function parsed<Message>(name: string, parse: () => Message): Message {
  try {
    return parse();
  } catch (cause) {
    const what = cause instanceof ContractBreach ? cause.message : "it cannot be decoded";
    throw new PlaneError(name, "INTERNAL", `a message that breaks the contract: ${what}`, { cause });
  }
}

function fromTerminal({ message }: DebugTerminalResponse): FromTerminal | undefined {
  switch (message?.$case) {
    case "attached": {
      const { user, columns, rows, outputReceived } = message.value;
      return { is: "attached", user, columns, rows, outputReceived: safeInteger("output_received", outputReceived) };
    }
    case "received":
      return { is: "received", upTo: safeInteger("received.up_to", message.value.upTo) };
    case "numberedInput":
      return {
        is: "input",
        offset: safeInteger("numbered_input.offset", message.value.offset),
        data: message.value.data,
      };
    case "resize":
      return { is: "resize", ...message.value };
    case "signal":
      return { is: "signal", name: message.value.name };
    case "input":
      throw new ContractBreach("input", "has no number: numbered_input has");
    case undefined:
      // From a newer control plane: the contract says to ignore it.
      return undefined;
    default:
      return message satisfies never;
  }
}

function toTerminal(message: ToTerminal): DebugTerminalRequest["message"] {
  switch (message.is) {
    case "output":
      return { $case: "numberedOutput", value: { offset: uint64(message.offset), data: message.data } };
    case "input-taken":
      return { $case: "inputTaken", value: { upTo: uint64(message.upTo) } };
    case "exited": {
      const { exitCode, signal, reason, recordingId, message: words } = message;
      return { $case: "exited", value: { exitCode, signal, reason, recordingId, message: words } };
    }
    default:
      return message satisfies never;
  }
}

function toRecording(message: ToRecording): UploadRecordingRequest["message"] {
  switch (message.is) {
    case "chunk":
      return { $case: "chunk", value: { offset: uint64(message.offset), lines: message.lines } };
    case "end":
      return { $case: "end", value: { sizeBytes: uint64(message.sizeBytes) } };
    default:
      return message satisfies never;
  }
}
