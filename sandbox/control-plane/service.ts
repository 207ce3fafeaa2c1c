import type { handleUnaryCall, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import type { BuilderAgentServiceServer } from "../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import { type AttachCall, type AttachContext, Attachment } from "./attachment.ts";
import type { Recordings } from "./debug/recordings.ts";
import type { Terminals } from "./debug/terminals.ts";
import type { Diagnostics } from "./diagnostics.ts";
import type { Method } from "./faults.ts";
import type { Fleet } from "./fleet.ts";
import type { Machine } from "./machine.ts";
import { addressOf, type Call, callerOf } from "./peer.ts";
import { asRefusal } from "./refusal.ts";
import type { Registry } from "./registry.ts";

export interface ServiceParts extends AttachContext {
  readonly registry: Registry;
  readonly fleet: Fleet;
  readonly diagnostics: Diagnostics;
  readonly terminals: Terminals;
  readonly recordings: Recordings;
  readonly trustDomain: string;
  onCall(method: Method): void;
}

type Service = Pick<
  BuilderAgentServiceServer,
  "getChallenge" | "register" | "renewCertificates" | "debugTerminal" | "uploadRecording" | "uploadDiagnostics"
> & { readonly attach: (call: AttachCall) => void };

/**
 * The contract's calls. All but the first two need the certificate of a machine that is not
 * refused.
 */
export function service(parts: ServiceParts): Service {
  const { registry, fleet, faults } = parts;
  const callerAndKey = (call: Call): { readonly machine: Machine; readonly keySha256: string } => {
    const { machineId, keySha256 } = callerOf(call, parts.trustDomain);
    return { machine: fleet.registered(machineId), keySha256 };
  };
  const caller = (call: Call): Machine => callerAndKey(call).machine;

  function unary<Request, Response>(
    method: Method,
    handle: (request: Request, call: ServerUnaryCall<Request, Response>) => Promise<Response> | Response,
  ): handleUnaryCall<Request, Response> {
    const respond = async (
      call: ServerUnaryCall<Request, Response>,
      answer: sendUnaryData<Response>,
    ): Promise<void> => {
      try {
        parts.onCall(method);
        faults.check(method);
        answer(null, await handle(call.request, call));
      } catch (failure) {
        answer(asRefusal(failure));
      }
    };
    return (call, answer) => void respond(call, answer);
  }

  return {
    getChallenge: unary("getChallenge", () => registry.challenge()),
    register: unary("register", async (request, call) => {
      const response = await registry.register(request, addressOf(call.getPeer()));
      parts.learned();
      return response;
    }),
    renewCertificates: unary("renewCertificates", async (request, call) => {
      const { machine, keySha256 } = callerAndKey(call);
      const response = await registry.renew(machine, request, keySha256);
      parts.learned();
      return response;
    }),
    attach: (call) => {
      try {
        parts.onCall("attach");
        faults.check("attach");
        Attachment.serve(call, caller(call), parts);
      } catch (failure) {
        call.emit("error", asRefusal(failure));
      }
    },
    debugTerminal: (call) => {
      try {
        parts.terminals.serve(caller(call), call);
      } catch (failure) {
        call.emit("error", asRefusal(failure));
      }
    },
    uploadRecording: (call) => {
      try {
        parts.recordings.serve(caller(call), call);
      } catch (failure) {
        call.emit("error", asRefusal(failure));
      }
    },
    uploadDiagnostics: (call, callback) => {
      try {
        parts.diagnostics.receive(caller(call), call, callback);
      } catch (failure) {
        callback(asRefusal(failure));
      }
    },
  };
}
