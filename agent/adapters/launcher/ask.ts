import { connect } from "node:net";
import { AgentError } from "../../core/errors.ts";
import { within } from "../../lifecycle/branch.ts";
import type { Clock } from "../../ports/clock.ts";
import { linesOf } from "./lines.ts";
import { type Answer, type Request, readAnswer, toLine } from "./protocol.ts";

/**
 * One verb over the launcher's socket, on a connection of its own, and what answers it.
 * @throws what the launcher's side threw, or {AgentError} "launcher.unreachable", "launcher.no-answer" (both retryable).
 */
export async function ask(
  { socketPath, clock }: { readonly socketPath: string; readonly clock: Clock },
  request: Request,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  signal.throwIfAborted();
  return within(clock, deadlineMs, signal, async (limit) => {
    for await (const answer of answers(socketPath, request, limit)) {
      if (answer.is === "failed") throw new AgentError(answer.code, answer.message, { retryable: answer.retryable });
      return answer;
    }
    signal.throwIfAborted();
    throw new AgentError("launcher.no-answer", `The launcher at ${socketPath} did not answer ${request.verb}`, {
      retryable: true,
    });
  });
}

/** All that is answered until either side closes. @throws {AgentError} "launcher.unreachable" (retryable). */
export async function* answers(
  socketPath: string,
  request: Request,
  signal: AbortSignal,
): AsyncGenerator<Answer, void, undefined> {
  const socket = connect(socketPath);
  socket.write(toLine(request));
  try {
    for await (const line of linesOf(socket, signal)) yield readAnswer(line);
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw new AgentError("launcher.unreachable", `The launcher does not answer on ${socketPath}`, {
      retryable: true,
      cause,
    });
  }
}
