import { fullJitterMs } from "../../core/backoff.ts";
import { AgentError } from "../../core/errors.ts";
import type { BuildkitUnit, UnitStatus } from "../../ports/buildkit.ts";
import type { Clock } from "../../ports/clock.ts";
import { ask, watch } from "../../wire/ask.ts";
import { BUILDKIT } from "./protocol.ts";

/**
 * The launcher is on the same machine: if it answers at all, it answers soon. A dry run and a stop
 * take their time on top.
 */
export const ANSWER_DEADLINE_MS = 45_000;
const WATCH_AGAIN = { baseMs: 50, capMs: 2_000 } as const;

/**
 * BuildKit's unit, asked for over the launcher's socket. A connection for each verb; one that lasts
 * for the watch, made again when it is lost. Verbs throw what the launcher's side threw, or
 * {AgentError} "launcher.unreachable", "launcher.no-answer" (both retryable).
 */
export function askedBuildkit(socketPath: string, clock: Clock): BuildkitUnit {
  const options = (signal: AbortSignal, graceMs = 0) => ({
    socketPath,
    deadlineMs: graceMs + ANSWER_DEADLINE_MS,
    signal,
  });
  return {
    configure: async (toml, signal) => void (await ask(BUILDKIT.configure, { toml }, options(signal))),
    start: async (signal) => void (await ask(BUILDKIT.start, {}, options(signal))),
    stop: async (graceMs, signal) => {
      const grace = { graceMs: Math.max(0, Math.ceil(graceMs)) };
      await ask(BUILDKIT.stop, grace, options(signal, grace.graceMs));
    },
    statuses: (signal) => statuses(socketPath, clock, signal),
  };
}

async function* statuses(
  socketPath: string,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<UnitStatus, void, undefined> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      for await (const { status } of watch(BUILDKIT.watch, {}, { socketPath, signal })) {
        failures = 0;
        yield status;
      }
    } catch (failure) {
      // Not there, for now: whoever waits for a status goes on waiting. What is no status at all is
      // a defect, and is told.
      if (!(failure instanceof AgentError && failure.retryable)) throw failure;
    }
    await clock.sleep(fullJitterMs(WATCH_AGAIN, failures, clock.random()), signal);
  }
}
