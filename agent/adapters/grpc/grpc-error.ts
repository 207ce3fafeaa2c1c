import { Metadata, type ServiceError, status as statusCodes } from "@grpc/grpc-js";
import { PlaneError, type RefusalMark } from "../../core/plane-status.ts";

/** A far end may say as much as it likes; a log line and a health message hold this much of it. */
const DETAILS_MAX = 500;

/** The contract's mark of a refusal for good: a trailer of the failed call. */
const MARK = "builder-agent-refusal";
const MARK_CODE = /^[a-z0-9-]{1,64}$/;

/** The contract's word for "not before": a trailer of the failed call, in milliseconds. */
const RETRY_AFTER = "builder-agent-retry-after-ms";
const MILLISECONDS = /^\d{1,9}$/;

/** The contract's word for its clock: a trailer of every call, Unix time in milliseconds. */
const TIME = "builder-agent-time-ms";
/** Until the year 5138. */
const UNIX_MS = /^\d{1,14}$/;

/**
 * Statuses that grpc-js makes up when the control plane has not answered in gRPC: a load balancer's
 * 403 or 404 page, a reset connection, an answer without a message. It names some of them with
 * statuses that count as refusals, and these are none.
 */
const PAGE = /^Received HTTP status code \d+$/;
const MADE_UP: readonly { readonly details: RegExp; readonly status: string }[] = [
  { details: PAGE, status: "UNAVAILABLE" },
  { details: /^Protocol not secure enough$/, status: "UNAVAILABLE" },
  { details: /^(No message|Too many responses) received$/, status: "INTERNAL" },
];

/**
 * Turns what a call of grpc-js failed with into our words; `call` is the method's name: "Register".
 * `way`: how the connection is made, where that is worth a word.
 */
export function planeErrorFrom(call: string, failure: unknown, way = ""): PlaneError {
  if (failure instanceof PlaneError) return failure;
  if (!isServiceError(failure)) {
    const details = failure instanceof Error ? failure.message : String(failure);
    return new PlaneError(call, "INTERNAL", details, { answered: false, cause: failure });
  }
  const details = plain(failure.details).slice(0, DETAILS_MAX);
  const status = MADE_UP.find((row) => row.details.test(details))?.status ?? statusCodes[failure.code] ?? "UNKNOWN";
  const answered = isFromPlane(failure);
  return new PlaneError(call, status, answered ? details : unheard(failure, status, details, way), {
    answered,
    cause: Object.assign(failure, { message: plain(failure.message), stack: plain(failure.stack ?? "") }),
    refusal: markOf(failure),
    retryAfterMs: retryAfterOf(failure),
    planeTimeMs: planeTimeOf(failure.metadata),
  });
}

/** grpc-js: "No connection established. Last error: Error: connect ECONNREFUSED 192.0.2.1:443". */
const UNCONNECTED = /^No connection established\. Last error: (?:[A-Za-z]*Error: )?(.*)$/s;
/** What it adds of its own resolver says nothing to anybody. */
const RESOLUTION_NOTE = /\.? ?Resolution note: .*$/m;

function plain(words: string): string {
  return words.replace(RESOLUTION_NOTE, "");
}

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, "the connection was refused"],
  [/ECONNRESET|EPIPE|socket hang up/, "the connection was broken off"],
  [/ETIMEDOUT/, "no connection came about in time"],
  [/EHOSTUNREACH|ENETUNREACH/, "there is no way to its address"],
];

/** The raw words stay in the cause, for the log. */
function unconnected(details: string): string {
  const why = UNCONNECTED.exec(details)?.[1] ?? details;
  return REASONS.find(([pattern]) => pattern.test(why))?.[1] ?? why;
}

/** Of what grpc-js itself says, what a person reads sooner in our words. */
const BROKEN_OFF = /^(?:Connection dropped|Received RST_STREAM)|ECONNRESET|EPIPE/;

/** What there was instead of an answer. Words that nobody knows are told as they are. */
function unheard(failure: ServiceError, status: string, details: string, way: string): string {
  if (isUnconnected(failure)) return `${unconnected(details)}${way}`;
  if (BROKEN_OFF.test(details)) return "the connection was broken off";
  if (details.startsWith("Deadline exceeded after ")) return "no answer in time";
  if (details.startsWith("Name resolution failed for target "))
    return "its name is not known, or no name server answers";
  return `the call ended with ${status} (${details}), which does not bear its trailer ${TIME}`;
}

/**
 * Whether a status came over the wire, and in gRPC: what grpc-js makes up itself has no trailers,
 * and an intermediary's page is of another type. By the contract each answer has the time, and one
 * without a message has the type of gRPC.
 */
function isFromPlane({ details, metadata }: ServiceError): boolean {
  if (PAGE.test(details)) return false;
  if (metadata.get(TIME).length > 0 || metadata.get(MARK).length > 0) return true;
  return metadata.get("content-type").some((type) => String(type).startsWith("application/grpc"));
}

/** Whether there was no connection to the control plane: what is at its address is not believed. */
export function isUnconnected(failure: unknown): failure is ServiceError {
  return isServiceError(failure) && failure.details.startsWith("No connection established");
}

/**
 * A mark that comes twice is none, for no code has a comma: nothing that ends a machine is read
 * leniently.
 */
function markOf({ metadata }: ServiceError): RefusalMark | undefined {
  const code = metadata.get(MARK).join();
  return MARK_CODE.test(code) ? { code } : undefined;
}

/** What is no number of milliseconds asks for nothing. */
function retryAfterOf({ metadata }: ServiceError): number | undefined {
  const asked = metadata.get(RETRY_AFTER).join();
  return MILLISECONDS.test(asked) ? Number(asked) : undefined;
}

/** What the control plane's clock said, by the trailers of a call; undefined: it did not say. */
export function planeTimeOf(trailers: Metadata): number | undefined {
  const told = trailers.get(TIME).join();
  return UNIX_MS.test(told) ? Number(told) : undefined;
}

function isServiceError(failure: unknown): failure is ServiceError {
  return (
    failure instanceof Error &&
    "code" in failure &&
    typeof failure.code === "number" &&
    "details" in failure &&
    typeof failure.details === "string" &&
    "metadata" in failure &&
    failure.metadata instanceof Metadata
  );
}
