import { connect } from "node:net";
import { AgentError } from "../../core/errors.ts";
import type { BuildNetwork } from "../../ports/build-network.ts";
import { firstLine } from "./first-line.ts";
import { type Answer, type Request, readAnswer, requestLine } from "./protocol.ts";

/** For the case that nobody is there to end it: a change takes a fraction of a second, a verification some seconds. */
const ANSWER_DEADLINE_MS = 120_000;

/** The builds' network, asked for over its socket: whoever carries the order out is root, and this process need not be. */
export function askedNetwork(socketPath: string): BuildNetwork {
  return {
    apply: async (order, signal) => {
      const answer = await ask(socketPath, { verb: "apply", order }, signal);
      return answer.is === "applied" ? answer.network : wrongAnswer(socketPath, answer);
    },
    verify: async (signal) => {
      const answer = await ask(socketPath, { verb: "verify" }, signal);
      return answer.is === "verified" ? answer.report : wrongAnswer(socketPath, answer);
    },
  };
}

async function ask(socketPath: string, request: Request, signal: AbortSignal): Promise<Answer> {
  signal.throwIfAborted();
  const socket = connect(socketPath);
  // Whoever reads learns of it.
  socket.on("error", () => undefined);
  socket.write(requestLine(request));
  try {
    return readAnswer(await firstLine(socket, ANSWER_DEADLINE_MS, signal));
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof AgentError && cause.code === "network.malformed") throw cause;
    throw new AgentError("network.unreachable", `Nobody answers for the builds' network at ${socketPath}`, {
      retryable: true,
      cause,
    });
  } finally {
    socket.destroy();
  }
}

/** @throws {AgentError} what the other side threw. */
function wrongAnswer(socketPath: string, answer: Answer): never {
  if (answer.is === "failed") throw new AgentError(answer.code, answer.message, { retryable: answer.retryable });
  throw new AgentError("network.malformed", `${socketPath} answered another question`, { retryable: false });
}
