import { z } from "zod";
import { AgentError } from "../../core/errors.ts";
import type { AppliedNetwork, IsolationReport, NetworkOrder } from "../../core/network/order.ts";

/** What goes over `network.sock`: one JSON object a line. A connection carries one request, and one answer. */
const PROTOCOL_VERSION = 1;

/** A report has some hundred findings of some 200 characters, an order a thousand ranges of some 40. */
export const LINE_MAX_CHARS = 262_144;

const RANGES_MAX = 4096;
const words = z.array(z.string().max(256)).max(RANGES_MAX);

const RequestSchema = z.discriminatedUnion("verb", [
  z.strictObject({
    version: z.literal(PROTOCOL_VERSION),
    verb: z.literal("apply"),
    order: z.strictObject({
      tailnet: z.enum(["closed", "open"]),
      searchDomains: words,
      egress: z.strictObject({ allowedCidrs: words, allowPrivateRanges: z.boolean() }),
      avoid: words,
      mayMove: z.boolean(),
    }),
  }),
  z.strictObject({ version: z.literal(PROTOCOL_VERSION), verb: z.literal("verify") }),
]);

const NetworkSchema = z.object({
  ipv4: z.string(),
  ipv6: z.string(),
  generation: z.string(),
  tailnet: z.enum(["closed", "open"]),
  resolvers: z.array(z.string()),
  collisions: z.array(z.string()),
});

const FindingSchema = z.object({
  what: z.string(),
  target: z.string(),
  expected: z.enum(["refused", "reached"]),
  got: z.enum(["refused", "reached", "silent", "unroutable"]),
  ok: z.boolean(),
  detail: z.string(),
});

const ReportSchema = z.object({
  verifiedAtMs: z.number(),
  tookMs: z.number(),
  generation: z.string(),
  findings: z.array(FindingSchema),
});

const AnswerSchema = z.discriminatedUnion("is", [
  z.object({ is: z.literal("applied"), network: NetworkSchema }),
  z.object({ is: z.literal("verified"), report: ReportSchema }),
  z.object({ is: z.literal("failed"), code: z.string(), message: z.string(), retryable: z.boolean() }),
]);

export type Request = { readonly verb: "apply"; readonly order: NetworkOrder } | { readonly verb: "verify" };

export type Answer =
  | { readonly is: "applied"; readonly network: AppliedNetwork }
  | { readonly is: "verified"; readonly report: IsolationReport }
  | { readonly is: "failed"; readonly code: string; readonly message: string; readonly retryable: boolean };

export function requestLine(request: Request): string {
  return `${JSON.stringify({ version: PROTOCOL_VERSION, ...request })}\n`;
}

export function answerLine(answer: Answer): string {
  return `${JSON.stringify(answer)}\n`;
}

/** @throws {AgentError} "network.malformed" */
export function readRequest(line: string): Request {
  return read(RequestSchema, line, "order");
}

/** @throws {AgentError} "network.malformed" */
export function readAnswer(line: string): Answer {
  return read(AnswerSchema, line, "answer");
}

function read<T>(schema: z.ZodType<T>, line: string, what: string): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch (cause) {
    throw new AgentError(
      "network.malformed",
      `This is no ${what} of version ${PROTOCOL_VERSION} for the builds' network: run all of the agent's processes of one release`,
      { retryable: false, cause },
    );
  }
}
