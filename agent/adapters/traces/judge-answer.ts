import { NotAccepted } from "./not-accepted.ts";
import type { Answer } from "./post.ts";

/** What OTLP/HTTP calls retryable; everything else that is no success is not. */
const LATER: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const HINTS: ReadonlyMap<number, string> = new Map([
  [401, "does it take these headers?"],
  [403, "does it take these headers?"],
  [404, "is the endpoint the base, without /v1/traces?"],
  [413, "a batch is too large for it"],
]);
/** Of what the far end says: enough for a person. */
const WORDS_MAX = 200;

export interface Accepted {
  /** Of the spans; 0: it took all. */
  readonly rejected: number;
  readonly because: string;
}

/**
 * How a success is read: `ExportTraceServiceResponse`, in whose JSON a number of 64 bits is a text.
 * Throws on what is none.
 */
export type ReadSuccess = (
  body: Uint8Array,
  type: string,
) => {
  readonly partialSuccess?: { readonly rejectedSpans?: number | string; readonly errorMessage?: string };
};

/** @throws {NotAccepted} for what is not a success in OTLP's sense. */
export function judgeAnswer({ status, type, retryAfter, body }: Answer, read: ReadSuccess, nowMs: number): Accepted {
  if (LATER.has(status)) {
    const retryAfterMs = waitAsked(retryAfter, nowMs);
    throw new NotAccepted(`It answered ${status}: not now`, { retryable: true, retryAfterMs });
  }
  if (status >= 300 && status < 400)
    throw new NotAccepted(`It answered ${status}, a redirection, which is not followed`, { retryable: false });
  if (status < 200 || status >= 300) {
    const hint = HINTS.get(status);
    throw new NotAccepted(`It answered ${status}${hint === undefined ? "" : `: ${hint}`}`, { retryable: false });
  }
  if (body.length === 0) return { rejected: 0, because: "" };
  try {
    const { rejectedSpans = 0, errorMessage = "" } = read(body, type).partialSuccess ?? {};
    const rejected = Number(rejectedSpans);
    if (!(rejected >= 0)) throw new TypeError("The number of rejected spans is none");
    return { rejected, because: errorMessage.slice(0, WORDS_MAX) };
  } catch (cause) {
    const shown = /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type.slice(0, 64) : "no media type";
    const message = `It answered ${status} with ${shown} that is not OTLP's: is it an OTLP receiver?`;
    throw new NotAccepted(message, { retryable: false, cause });
  }
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function waitAsked(retryAfter: string | undefined, nowMs: number): number | undefined {
  if (retryAfter === undefined) return undefined;
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - nowMs;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
