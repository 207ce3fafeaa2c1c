import { AgentError } from "../core/errors.ts";
import { objectOf, toLine } from "./lines.ts";
import { fitted, misfit, NEVER, type Shape } from "./shape.ts";

/**
 * One of our request sockets: a connection carries one request, its steps, and one answer, a JSON
 * object a line. Both ends are of one release, except while a release is being exchanged. Then each
 * end refuses the other's version with a reason, and reads the other's refusals: the form of
 * `failed` must never change.
 */
export interface Protocol {
  /** The first word of this socket's error codes. */
  readonly name: string;
  /** Who answers, in an error's words. */
  readonly answerer: string;
  readonly version: number;
  readonly lineMaxBytes: number;
}

/** What can be asked over it. On the wire each message is one JSON object. */
export interface Verb<Request extends object, Step extends object, Answer extends object> {
  readonly protocol: Protocol;
  readonly name: string;
  /** The request's fields, beside its version and verb. */
  readonly request: Shape<Request>;
  /** What comes any number of times before the answer. */
  readonly step: Shape<Step>;
  readonly answer: Shape<Answer>;
  /** Cancelled when its asker goes. What is not is carried out once it has begun. */
  readonly endsWithAsker: boolean;
}

/**
 * A verb. Without a step's shape it has no steps; without an answer's, its steps come until either
 * side closes.
 */
export function verb<Request extends object, Step extends object = never, Answer extends object = never>(
  protocol: Protocol,
  name: string,
  shapes: {
    readonly request: Shape<Request>;
    readonly step?: Shape<Step>;
    readonly answer?: Shape<Answer>;
    readonly endsWithAsker?: true;
  },
): Verb<Request, Step, Answer> {
  return { protocol, name, step: NEVER, answer: NEVER, endsWithAsker: false, ...shapes };
}

export type Reply<Step, Answer> =
  | { readonly is: "step"; readonly step: Step }
  | { readonly is: "answer"; readonly answer: Answer }
  | { readonly is: "failed"; readonly failure: AgentError };

/** A message of a lasting connection. */
export function messageLine({ version }: Protocol, message: object): string {
  return toLine({ v: version, ...message });
}

/**
 * @throws {AgentError} "….malformed", "….other-version" (retryable), without the message itself.
 */
export function readMessage<Message>(protocol: Protocol, shape: Shape<Message>, line: string): Message {
  const { v, ...message } = objectOf(line) ?? {};
  requireVersion(protocol, v);
  const parsed = fitted(shape, message);
  if (parsed.success) return parsed.data;
  throw malformed(protocol, "message", misfit(parsed.error));
}

export function requestLine<Request extends object>(
  { protocol, name }: Verb<Request, object, object>,
  request: Request,
): string {
  return toLine({ version: protocol.version, verb: name, ...request });
}

export function replyLine({ version }: Protocol, reply: object): string {
  return toLine({ version, ...reply });
}

/** The line of a refusal, or of a failure. */
export function failedLine(protocol: Protocol, failure: unknown): string {
  const known = failure instanceof AgentError;
  const message = failure instanceof Error ? failure.message : String(failure);
  const code = known ? failure.code : `${protocol.name}.failed`;
  return replyLine(protocol, { is: "failed", code, message, retryable: !known || failure.retryable });
}

/** @throws {AgentError} "….malformed", "….other-version" (retryable). Neither repeats the line. */
export function readHead(protocol: Protocol, line: string): { readonly name: string; readonly fields: object } {
  const { version, verb: name, ...fields } = objectOf(line) ?? {};
  requireVersion(protocol, version);
  return { name: typeof name === "string" ? name : "", fields };
}

/** @throws {AgentError} "….malformed", without the fields themselves. */
export function readFields<Request extends object>(
  { protocol, request }: Verb<Request, object, object>,
  fields: object,
): Request {
  const parsed = fitted(request, fields);
  if (parsed.success) return parsed.data;
  throw malformed(protocol, "request", misfit(parsed.error));
}

/** @throws {AgentError} "….malformed", "….other-version" (retryable) */
export function readReply<Step extends object, Answer extends object>(
  { protocol, step, answer }: Verb<object, Step, Answer>,
  line: string,
): Reply<Step, Answer> {
  const reply = objectOf(line) ?? {};
  const { is, code, message, retryable, version = protocol.version } = reply;
  if (is === "failed" && typeof code === "string" && typeof message === "string")
    return { is, failure: new AgentError(code, message, { retryable: retryable === true }) };
  requireVersion(protocol, version);
  const asStep = fitted(step, reply);
  if (asStep.success) return { is: "step", step: asStep.data };
  const asAnswer = fitted(answer, reply);
  if (asAnswer.success) return { is: "answer", answer: asAnswer.data };
  throw malformed(protocol, "answer", misfit(asAnswer.error));
}

function requireVersion(protocol: Protocol, version: unknown): void {
  if (version === protocol.version) return;
  if (typeof version !== "number") throw malformed(protocol, "message", "it has no version");
  throw new AgentError(
    `${protocol.name}.other-version`,
    `The other end of a socket of ${protocol.answerer} speaks version ${version}, this one ` +
      `${protocol.version}: restart the agent's processes, so that all are of one release`,
    { retryable: true },
  );
}

export function malformed({ name, answerer, version }: Protocol, what: string, because: string): AgentError {
  return new AgentError(`${name}.malformed`, `This is no ${what} of version ${version} for ${answerer}: ${because}`, {
    retryable: false,
  });
}
