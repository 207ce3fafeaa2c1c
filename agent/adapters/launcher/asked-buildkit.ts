import { connect } from "node:net";
import { fullJitterMs } from "../../core/backoff.ts";
import { AgentError } from "../../core/errors.ts";
import { within } from "../../lifecycle/branch.ts";
import type { BuildkitUnit, UnitStatus } from "../../ports/buildkit.ts";
import type { Clock } from "../../ports/clock.ts";
import { linesOf } from "./lines.ts";
import { PROTOCOL_VERSION, type Request, readAnswer, toLine } from "./protocol.ts";

/** The launcher is on the same machine: if it answers at all, it answers soon. A dry run and a stop take their time on top. */
const ANSWER_DEADLINE_MS = 45_000;
const WATCH_AGAIN = { baseMs: 50, capMs: 2_000 } as const;

/**
 * BuildKit's unit, asked for over the launcher's socket. A connection for each verb; one that lasts for the watch, made again when it is lost.
 * Verbs throw what the launcher's side threw, or {AgentError} "launcher.unreachable", "launcher.no-answer" (both retryable).
 */
export function askedBuildkit(socketPath: string, clock: Clock): BuildkitUnit {
  const ask = async (request: Request, deadlineMs: number, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    await within(clock, deadlineMs, signal, async (limit) => {
      for await (const answer of answers(socketPath, request, limit)) {
        if (answer.is === "done") return;
        if (answer.is === "failed") throw new AgentError(answer.code, answer.message, { retryable: answer.retryable });
      }
      signal.throwIfAborted();
      throw new AgentError("launcher.no-answer", `The launcher at ${socketPath} did not answer ${request.verb}`, {
        retryable: true,
      });
    });
  };
  return {
    configure: (toml, signal) =>
      ask({ version: PROTOCOL_VERSION, verb: "buildkit.configure", toml }, ANSWER_DEADLINE_MS, signal),
    start: (signal) => ask({ version: PROTOCOL_VERSION, verb: "buildkit.start" }, ANSWER_DEADLINE_MS, signal),
    stop: (graceMs, signal) =>
      ask(
        { version: PROTOCOL_VERSION, verb: "buildkit.stop", graceMs: Math.max(0, Math.ceil(graceMs)) },
        graceMs + ANSWER_DEADLINE_MS,
        signal,
      ),
    statuses: (signal) => watch(socketPath, clock, signal),
  };
}

async function* watch(
  socketPath: string,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<UnitStatus, void, undefined> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      for await (const answer of answers(socketPath, { version: PROTOCOL_VERSION, verb: "buildkit.watch" }, signal)) {
        failures = 0;
        if (answer.is === "status") yield answer.status;
      }
    } catch (failure) {
      // Not there, for now: whoever waits for a status goes on waiting. What is no status at all is a defect, and is told.
      if (!(failure instanceof AgentError && failure.retryable)) throw failure;
    }
    await clock.sleep(fullJitterMs(WATCH_AGAIN, failures, clock.random()), signal);
  }
}

async function* answers(socketPath: string, request: Request, signal: AbortSignal) {
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
