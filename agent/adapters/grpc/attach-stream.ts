import type { Heard, Hello, PlaneStream } from "../../ports/control-plane.ts";
import type { CallLimits } from "./call-limits.ts";
import type { Connection } from "./connections.ts";
import { DuplexCall } from "./duplex-call.ts";
import { type AttachRequest, BuilderAgentServiceService } from "./gen/builder/agent/v1/builder_agent.ts";
import { messageFromPlane } from "./message-from-plane.ts";
import { helloToPlane, messageToPlane } from "./message-to-plane.ts";

export interface AttachOptions {
  readonly connection: Connection;
  readonly hello: Hello;
  readonly limits: CallLimits;
  readonly signal: AbortSignal;
  /** Of each message: how many fields of it this agent does not know. */
  readonly onUnknownFields: (count: number) => void;
}

/** One Attach call. */
export function attachStream({ hello, onUnknownFields, ...rest }: AttachOptions): PlaneStream {
  const call = new DuplexCall<AttachRequest, Heard>({
    ...rest,
    name: "Attach",
    method: BuilderAgentServiceService.attach,
    first: helloToPlane(hello),
    parse(bytes) {
      const startedMs = performance.now();
      const { message = { is: "other" }, unknownFields } = messageFromPlane(bytes);
      if (unknownFields > 0) onUnknownFields(unknownFields);
      return { ...message, readMs: performance.now() - startedMs };
    },
  });
  return { incoming: call.incoming, send: (message) => call.send(messageToPlane(message)) };
}
