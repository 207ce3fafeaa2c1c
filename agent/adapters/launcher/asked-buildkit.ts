import { fullJitterMs } from "../../core/backoff.ts";
import { AgentError } from "../../core/errors.ts";
import type { BuildkitUnit, UnitStatus } from "../../ports/buildkit.ts";
import type { Clock } from "../../ports/clock.ts";
import { answers, ask } from "./ask.ts";
import { PROTOCOL_VERSION, type Request } from "./protocol.ts";

/** The launcher is on the same machine: if it answers at all, it answers soon. A dry run and a stop take their time on top. */
const ANSWER_DEADLINE_MS = 45_000;
const WATCH_AGAIN = { baseMs: 50, capMs: 2_000 } as const;

/**
 * BuildKit's unit, asked for over the launcher's socket. A connection for each verb; one that lasts for the watch, made again when it is lost.
 * Verbs throw what the launcher's side threw, or {AgentError} "launcher.unreachable", "launcher.no-answer" (both retryable).
 */
export function askedBuildkit(socketPath: string, clock: Clock): BuildkitUnit {
  const asked = async (request: Request, deadlineMs: number, signal: AbortSignal): Promise<void> => {
    await ask({ socketPath, clock }, request, deadlineMs, signal);
  };
  return {
    configure: (toml, signal) =>
      asked({ version: PROTOCOL_VERSION, verb: "buildkit.configure", toml }, ANSWER_DEADLINE_MS, signal),
    start: (signal) => asked({ version: PROTOCOL_VERSION, verb: "buildkit.start" }, ANSWER_DEADLINE_MS, signal),
    stop: (graceMs, signal) =>
      asked(
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
