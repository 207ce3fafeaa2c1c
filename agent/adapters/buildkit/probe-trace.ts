import { randomBytes } from "node:crypto";

/** How the ids of traces begin that are of our own fetches: "builder-agent", in hex. */
const PREFIX = Buffer.from("builder-agent").toString("hex");

/**
 * The `traceparent` of a call whose failure is expected, so that buildkitd's own line about it is
 * known: it takes the trace's id from here (W3C Trace Context, not sampled), and its log has it.
 */
export function expectedToFail(): string {
  return `00-${PREFIX}${randomBytes(3).toString("hex")}-${randomBytes(8).toString("hex")}-00`;
}

/** Whether a line of buildkitd's log is about such a call. */
export function isExpected(fields: unknown): boolean {
  if (typeof fields !== "object" || fields === null || !("traceID" in fields)) return false;
  return typeof fields.traceID === "string" && fields.traceID.startsWith(PREFIX);
}
