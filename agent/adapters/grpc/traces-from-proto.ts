import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
import { Secret } from "../../core/secret.ts";
import type { OrderedTraces } from "../../core/traces/target.ts";
import type { TraceExport } from "./gen/builder/agent/v1/desired_state.ts";
import { requireAtMost } from "./scalars-from-proto.ts";

/**
 * Little is refused here: an order that is not followed is told by its own check.
 * @throws {ContractBreach} if it has more than the contract allows.
 */
export function tracesFromProto({ otlpEndpoint, headers, caCertificates, sessionPercent }: TraceExport): OrderedTraces {
  const { traceHeaders, traceHeaderCharacters, traceEndpointCharacters, traceCaBytes } = CONTRACT_LIMITS;
  const given = Object.entries(headers);
  const longest = Math.max(0, ...given.map(([name, value]) => name.length + value.length));
  requireAtMost("trace_export.headers", given.length, traceHeaders);
  requireAtMost("trace_export.headers", longest, traceHeaderCharacters, "characters in one");
  requireAtMost("trace_export.otlp_endpoint", otlpEndpoint.length, traceEndpointCharacters, "characters");
  requireAtMost("trace_export.ca_certificates", Buffer.byteLength(caCertificates), traceCaBytes, "bytes");
  return {
    otlpEndpoint,
    headers: new Map(given.map(([name, value]) => [name, new Secret(value)])),
    ...(caCertificates !== "" && { caPem: caCertificates }),
    sessionPercent: sessionPercent === 0 ? 100 : sessionPercent,
  };
}
