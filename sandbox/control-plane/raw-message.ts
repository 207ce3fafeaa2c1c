import {
  AttachResponse,
  BuilderAgentServiceService,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";

/** Bytes that go out as they are, to see what an agent makes of them. */
export class RawMessage {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** The contract's service, whose Attach can also send bytes that break the contract. */
export const SERVICE = {
  ...BuilderAgentServiceService,
  attach: {
    ...BuilderAgentServiceService.attach,
    responseSerialize: (message: AttachResponse | RawMessage): Buffer =>
      Buffer.from(message instanceof RawMessage ? message.bytes : AttachResponse.encode(message).finish()),
  },
};
