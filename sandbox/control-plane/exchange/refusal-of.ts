import type { Refusal } from "../../../verifier/src/index.ts";
import { ExchangeRefusal } from "./exchange-refusal.ts";

/**
 * RFC 8693, 2.2.2: a token that is unacceptable, for whatever reason, makes the request invalid.
 */
export function refusalOf({ code, retryable }: Refusal): ExchangeRefusal {
  if (retryable) return ExchangeRefusal.forNow(code, "The issuer's keys cannot be had at the moment.");
  const why = WHY[code] ?? "is not accepted";
  return new ExchangeRefusal(400, "invalid_request", code, `The job's token ${why}.`);
}

/** What a job may know: that it is not on a list, never what is. */
const WHY: Partial<Readonly<Record<Refusal["code"], string>>> = {
  "token-used": "was exchanged before: ask the platform for another one",
  expired: "has expired: ask the platform for another one, just before it is used",
  "not-yet-valid": "is from the future: a clock is wrong",
  "audience-mismatch": "is for another audience",
  "rerun-refused": "is of a job that was run again with SSH",
  "not-allowed": "is not of a job that is trusted here",
};
