import { connect, type Socket } from "node:net";
import { AgentError } from "../core/errors.ts";
import { Branch } from "../lifecycle/branch.ts";
import { linesOf } from "./lines.ts";
import { type Reply, readReply, requestLine, type Verb } from "./protocol.ts";

export interface Asking<Step> {
  readonly socketPath: string;
  /** For the whole answer. Who answers has deadlines of its own: this is for one that is stuck. */
  readonly deadlineMs: number;
  /** The deadline begins anew with each step: for an answer that takes as long as it must. */
  readonly deadlineIsOfSilence?: true;
  readonly signal: AbortSignal;
  readonly onStep?: (step: Step) => void;
  /** One that was opened before (`Ahead`). Absent: a new one. */
  readonly connection?: Socket;
}

/**
 * One request on a connection of its own, and its answer.
 * @throws {AgentError} what the other end threw; "….unreachable", "….no-answer", "….other-version"
 * (all retryable); "….malformed". The signal's reason.
 */
export async function ask<Request extends object, Step extends object, Answer extends object>(
  verb: Verb<Request, Step, Answer>,
  request: Request,
  { socketPath, deadlineMs, deadlineIsOfSilence, signal, onStep, connection }: Asking<Step>,
): Promise<Answer> {
  if (signal.aborted) connection?.destroy();
  signal.throwIfAborted();
  using limit = new Branch(signal);
  const deadline = setTimeout(() => limit.abort(), deadlineMs);
  try {
    for await (const reply of replies(verb, request, { socketPath, connection }, limit.signal)) {
      if (reply.is === "answer") return reply.answer;
      if (deadlineIsOfSilence === true) deadline.refresh();
      onStep?.(reply.step);
    }
  } finally {
    clearTimeout(deadline);
  }
  signal.throwIfAborted();
  const how = limit.signal.aborted ? `within ${deadlineMs} ms` : "before it closed the connection";
  const { name, answerer } = verb.protocol;
  throw new AgentError(
    `${name}.no-answer`,
    `${answerer} at ${socketPath} did not answer ${verb.name} ${how}: see its log`,
    { retryable: true },
  );
}

/** The steps of one request, until either side closes. @throws {AgentError} as `ask` does. */
export async function* watch<Request extends object, Step extends object>(
  verb: Verb<Request, Step, never>,
  request: Request,
  { socketPath, signal }: Pick<Asking<Step>, "socketPath" | "signal">,
): AsyncGenerator<Step, void, undefined> {
  for await (const reply of replies(verb, request, { socketPath }, signal)) if (reply.is === "step") yield reply.step;
}

async function* replies<Request extends object, Step extends object, Answer extends object>(
  verb: Verb<Request, Step, Answer>,
  request: Request,
  { socketPath, connection }: { readonly socketPath: string; readonly connection?: Socket | undefined },
  signal: AbortSignal,
): AsyncGenerator<Exclude<Reply<Step, Answer>, { readonly is: "failed" }>, void, undefined> {
  if (signal.aborted) return;
  const { name, answerer, lineMaxBytes } = verb.protocol;
  const socket = connection ?? connect(socketPath);
  const close = (): void => void socket.destroy();
  signal.addEventListener("abort", close);
  socket.write(requestLine(verb, request));
  try {
    for await (const line of linesOf(socket, lineMaxBytes)) {
      const reply = readReply(verb, line);
      if (reply.is === "failed") throw reply.failure;
      yield reply;
    }
  } catch (cause) {
    if (signal.aborted) return;
    if (cause instanceof AgentError) throw cause;
    const [code, how] =
      cause instanceof RangeError ? ["malformed", "answers in too long a line"] : ["unreachable", "does not answer"];
    throw new AgentError(`${name}.${code}`, `${answerer} ${how} at ${socketPath}`, {
      retryable: code === "unreachable",
      cause,
    });
  } finally {
    signal.removeEventListener("abort", close);
    socket.destroy();
  }
}
