import { type ServiceError, status as statusCodes } from "@grpc/grpc-js";
import { PlaneError } from "../../core/plane-status.ts";

/** A far end may say as much as it likes; a log line and a health message hold this much of it. */
const DETAILS_MAX = 500;

/**
 * Statuses that grpc-js makes up when the control plane has not answered in gRPC: a load balancer's 403 or 404 page, a reset connection, an
 * answer without a message. It names some of them with statuses that would end the agent, and no intermediary may do that.
 */
const MADE_UP: readonly { readonly details: RegExp; readonly status: string }[] = [
  { details: /^Received HTTP status code \d+$/, status: "UNAVAILABLE" },
  { details: /^Protocol not secure enough$/, status: "UNAVAILABLE" },
  { details: /^(No message|Too many responses) received$/, status: "INTERNAL" },
];

/** Turns what a call of grpc-js failed with into our words; `call` is the method's name: "Register". */
export function planeErrorFrom(call: string, failure: unknown): PlaneError {
  if (failure instanceof PlaneError) return failure;
  if (!isServiceError(failure)) {
    return new PlaneError(call, "INTERNAL", failure instanceof Error ? failure.message : String(failure), failure);
  }
  const details = failure.details.slice(0, DETAILS_MAX);
  const madeUp = MADE_UP.find((row) => row.details.test(details));
  return new PlaneError(call, madeUp?.status ?? statusCodes[failure.code] ?? "UNKNOWN", details, failure);
}

function isServiceError(failure: unknown): failure is ServiceError {
  return (
    failure instanceof Error &&
    "code" in failure &&
    typeof failure.code === "number" &&
    "details" in failure &&
    typeof failure.details === "string"
  );
}
