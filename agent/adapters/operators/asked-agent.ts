import type { EndingProgress } from "../../core/ending-progress.ts";
import type { DrainWish, EndingOutcome, Reconnected } from "../../ports/operators.ts";
import { ask } from "../../wire/ask.ts";
import { malformed } from "../../wire/protocol.ts";
import { DRAIN, HEALTH, MARK, OPERATORS, RECONNECT } from "./protocol.ts";

/** It answers from memory. */
const ANSWER_MS = 5_000;
/** A bundle does not wait for an agent that hangs. */
const MARK_MS = 2_000;
/** The agent bounds a try itself, at 30 s. */
const RECONNECT_MS = 45_000;
/** Progress comes twice a second, unless the machine is very busy. */
const SILENCE_MS = 15_000;

/**
 * The running agent, asked over the operators' socket. Everything here throws what `ask` does:
 * "operators.unreachable", "operators.no-answer", "operators.other-version",
 * "operators.malformed".
 */
export function askedAgent(socketPath: string) {
  return {
    drain: async (wish: DrainWish, signal: AbortSignal): Promise<EndingProgress> => {
      const answer = await ask(DRAIN, { ...toWire(wish), watch: false }, { socketPath, deadlineMs: ANSWER_MS, signal });
      if (answer.is === "ordered") return answer.progress;
      throw malformed(OPERATORS, "answer", "nobody asked to watch");
    },
    /** Orders, and stays until the ending is over. */
    drainAndWatch: async (
      wish: DrainWish,
      tell: (progress: EndingProgress) => void,
      signal: AbortSignal,
    ): Promise<EndingOutcome> => {
      const answer = await ask(
        DRAIN,
        { ...toWire(wish), watch: true },
        {
          socketPath,
          deadlineMs: SILENCE_MS,
          deadlineIsOfSilence: true,
          signal,
          onStep: ({ progress }) => tell(progress),
        },
      );
      if (answer.is === "over") return answer;
      throw malformed(OPERATORS, "answer", "the ending was to be watched");
    },
    reconnect: async (signal: AbortSignal): Promise<Reconnected> =>
      (await ask(RECONNECT, {}, { socketPath, deadlineMs: RECONNECT_MS, signal })).outcome,
    /** The agent logs the marker of a bundle. */
    mark: async (marker: string, signal: AbortSignal): Promise<void> =>
      void (await ask(MARK, { marker }, { socketPath, deadlineMs: MARK_MS, signal })),
    health: async (signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> =>
      (await ask(HEALTH, {}, { socketPath, deadlineMs: ANSWER_MS, signal })).report,
  };
}

function toWire({ graceMs, hurry, reason }: DrainWish) {
  return { hurry, reason, ...(graceMs !== undefined && { graceMs }) };
}
