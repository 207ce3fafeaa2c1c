import { z } from "zod";
import { AgentError } from "../../core/errors.ts";

/** Both ends must speak the same. A change that the other end could misread counts it up; there is no negotiation: they are one package. */
const VERSION = 1;

const Envelope = z.object({ v: z.number() });

/** One message as a line, its end included. */
export function toLine(message: object): string {
  return `${JSON.stringify({ v: VERSION, ...message })}\n`;
}

/** @throws {AgentError} "link.malformed" or "link.other-version" */
export function fromLine<T>(schema: z.ZodType<T>, line: string): T {
  const message = parsed(line);
  const envelope = Envelope.safeParse(message);
  if (envelope.success && envelope.data.v !== VERSION)
    throw new AgentError(
      "link.other-version",
      `The other end of the gateway's link speaks version ${envelope.data.v}, this one ${VERSION}: run control and gateway of one release`,
      { retryable: true },
    );
  const read = schema.safeParse(message);
  if (envelope.success && read.success) return read.data;
  throw malformed(read.success ? "it has no version" : where(read.error));
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw malformed("it is not JSON", cause);
  }
}

/** Paths and expectations only: the message's values may be long, or not ours to log. */
function where(error: z.ZodError): string {
  const [first] = error.issues;
  return first === undefined ? "unknown" : `${first.path.map(String).join(".")}: ${first.message}`.slice(0, 300);
}

function malformed(because: string, cause?: unknown): AgentError {
  return new AgentError("link.malformed", `A message on the gateway's link does not parse: ${because}`, {
    retryable: true,
    cause,
  });
}
