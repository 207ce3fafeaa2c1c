import { z } from "zod";
import { AgentError } from "../../core/errors.ts";
import type { UnitStatus } from "../../ports/buildkit.ts";
import type { ServiceUnitState } from "../../ports/service-units.ts";

/**
 * What goes over `manager.sock`: one JSON object a line. A connection carries one request; `done` or `failed` answers it, and a watch is answered by
 * statuses until either side closes.
 */
export const PROTOCOL_VERSION = 1;

/** A configuration with a thousand mirrors has some 100 kB. */
export const LINE_MAX_CHARS = 1_048_576;

const version = z.literal(PROTOCOL_VERSION);

const RequestSchema = z.discriminatedUnion("verb", [
  z.strictObject({ version, verb: z.literal("buildkit.configure"), toml: z.string() }),
  z.strictObject({ version, verb: z.literal("buildkit.start") }),
  z.strictObject({ version, verb: z.literal("buildkit.stop"), graceMs: z.number().int().min(0).max(86_400_000) }),
  z.strictObject({ version, verb: z.literal("buildkit.watch") }),
  z.strictObject({ version, verb: z.literal("tailnet.start") }),
  z.strictObject({ version, verb: z.literal("tailnet.stop") }),
  z.strictObject({ version, verb: z.literal("tailnet.show") }),
]);

/** Fixed verbs. The one text that they carry goes to a file, after it was judged, and never to a command line. */
export type Request = z.output<typeof RequestSchema>;

const ExitSchema = z.object({
  code: z.number().exactOptional(),
  signal: z.string().exactOptional(),
  lastLines: z.array(z.string()),
  oomKills: z.number().exactOptional(),
});

const StatusSchema = z.discriminatedUnion("at", [
  z.object({ at: z.literal("stopped") }),
  z.object({ at: z.literal("running"), pid: z.number() }),
  z.object({ at: z.literal("exited"), exit: ExitSchema }),
]);

const AnswerSchema = z.discriminatedUnion("is", [
  z.object({ is: z.literal("done") }),
  z.object({ is: z.literal("failed"), code: z.string(), message: z.string(), retryable: z.boolean() }),
  z.object({ is: z.literal("status"), status: StatusSchema }),
  z.object({
    is: z.literal("unit"),
    at: z.enum(["not-installed", "inactive", "starting", "active", "stopping", "failed"]),
    result: z.string(),
  }),
]);

export type Answer =
  | { readonly is: "done" }
  | { readonly is: "failed"; readonly code: string; readonly message: string; readonly retryable: boolean }
  | { readonly is: "status"; readonly status: UnitStatus }
  | ({ readonly is: "unit" } & ServiceUnitState);

export function toLine(message: Request | Answer): string {
  return `${JSON.stringify(message)}\n`;
}

/** @throws {AgentError} "launcher.malformed" */
export function readRequest(line: string): Request {
  return read(RequestSchema, line, "request");
}

/** @throws {AgentError} "launcher.malformed" */
export function readAnswer(line: string): Answer {
  return read(AnswerSchema, line, "answer");
}

function read<T>(schema: z.ZodType<T>, line: string, what: string): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch (cause) {
    throw new AgentError(
      "launcher.malformed",
      `This is no ${what} of version ${PROTOCOL_VERSION}: ${line.slice(0, 100)}`,
      {
        retryable: false,
        cause,
      },
    );
  }
}
