import type { Hello, ToPlane } from "../../ports/control-plane.ts";
import type { AttachRequest } from "./gen/builder/agent/v1/builder_agent.ts";
import { observedStateToProto } from "./observed-state-to-proto.ts";
import { recordsToProto } from "./records-to-proto.ts";

export function helloToPlane(hello: Hello): AttachRequest {
  return { message: { $case: "hello", value: { ...hello, capabilities: [...hello.capabilities] } } };
}

export function messageToPlane(message: ToPlane): AttachRequest {
  switch (message.is) {
    case "observed":
      return { message: { $case: "observed", value: observedStateToProto(message.state) } };
    case "records":
      return { message: { $case: "records", value: recordsToProto(message.bootId, message.records) } };
    default:
      return message satisfies never;
  }
}
