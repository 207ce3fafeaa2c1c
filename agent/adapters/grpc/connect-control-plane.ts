import type { ControlPlane } from "../../ports/control-plane.ts";
import type { DebugPlane } from "../../ports/debug-terminal.ts";
import type { DiagnosticsPlane } from "../../ports/diagnostics.ts";
import type { MachineIdentity } from "../../ports/keys.ts";
import type { Log } from "../../ports/log.ts";
import type { PlaneMeters } from "../../ports/meters.ts";
import { challengeFromProto, registeredFromProto, renewedFromProto } from "./answers-from-proto.ts";
import { attachStream } from "./attach-stream.ts";
import { CALL_LIMITS, type CallLimits } from "./call-limits.ts";
import { Connections } from "./connections.ts";
import { BuilderAgentServiceService as Service } from "./gen/builder/agent/v1/builder_agent.ts";
import { registrationToProto, renewalToProto } from "./registration-to-proto.ts";
import { recordingStream, terminalStream } from "./terminal-streams.ts";
import { type PlaneAddress, requireCas } from "./trusted-channel.ts";
import { makeUnaryCall, type UnaryCall } from "./unary-call.ts";
import { uploadDiagnostics } from "./upload-diagnostics.ts";

export interface ConnectOptions extends PlaneAddress {
  readonly log: Log;
  readonly meters?: PlaneMeters;
  /** Default: CALL_LIMITS. */
  readonly limits?: Partial<CallLimits>;
}

/**
 * The control plane over gRPC, TLS 1.3, believed only under the pinned CA. Nothing is dialled
 * before the first call. Disposing cancels what is under way and closes every connection.
 * @throws {AgentError} "control-plane.ca-unusable"
 */
export function connectControlPlane(
  options: ConnectOptions,
): ControlPlane & DebugPlane & DiagnosticsPlane & AsyncDisposable {
  requireCas(options.caPem);
  const { log, meters } = options;
  const limits = { ...CALL_LIMITS, ...options.limits };
  const connections = new Connections(options);

  async function ask<Request, Answer, Parsed>(
    identity: MachineIdentity | undefined,
    call: UnaryCall<Request, Answer, Parsed>,
    signal: AbortSignal,
  ): Promise<Parsed> {
    return makeUnaryCall(connections.for(identity), call, limits.unaryMs, signal);
  }

  const way = (identity: MachineIdentity, signal: AbortSignal) => ({
    connection: connections.for(identity),
    limits,
    signal,
  });

  return {
    getChallenge: (signal) =>
      ask(undefined, { method: Service.getChallenge, request: {}, parse: challengeFromProto }, signal),
    register: (request, signal) =>
      ask(
        undefined,
        {
          method: Service.register,
          request: registrationToProto(request),
          parse: (answer) => registeredFromProto(answer, request),
        },
        signal,
      ),
    renew: (identity, request, signal) =>
      ask(
        identity,
        {
          method: Service.renewCertificates,
          request: renewalToProto(request),
          parse: (answer) => renewedFromProto(answer, request),
        },
        signal,
      ),
    attach: (identity, hello, signal) =>
      attachStream({ ...way(identity, signal), hello, onUnknownFields: noteUnknownFields(log, meters) }),
    debugTerminal: (identity, opened, signal) => terminalStream(way(identity, signal), opened),
    uploadRecording: (identity, header, signal) => recordingStream(way(identity, signal), header),
    uploadDiagnostics: (identity, upload, signal) => uploadDiagnostics(connections.for(identity), upload, signal),
    async [Symbol.asyncDispose]() {
      connections[Symbol.dispose]();
    },
  };
}

/** Counts all, and logs when the number changes: the same state comes again every 30 seconds. */
function noteUnknownFields(log: Log, meters: PlaneMeters | undefined): (count: number) => void {
  let last = 0;
  return (count) => {
    meters?.unknownFields(count);
    if (count !== last) log.info({ unknownFields: count }, "control-plane.newer-contract");
    last = count;
  };
}
