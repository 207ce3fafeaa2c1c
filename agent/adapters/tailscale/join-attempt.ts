import { AgentError } from "../../core/errors.ts";
import { shownAddress, shownWords } from "../../core/shown-words.ts";
import { firstOf } from "../../lifecycle/branch.ts";
import type { Clock } from "../../ports/clock.ts";
import type { TailnetJoin } from "../../ports/tailnet.ts";
import { joinPrefs } from "./join-prefs.ts";
import type { LocalApi } from "./local-api.ts";
import { loginStep } from "./login-progress.ts";

/** After so long without a word from the server, that itself is told. */
const SILENCE_MS = 4_000;

export interface JoinAttempt {
  readonly api: LocalApi;
  readonly clock: Clock;
  readonly order: Pick<TailnetJoin, "authKey" | "hostname"> & {
    readonly coordinationUrl: string;
    readonly operatorUser?: string;
  };
  /** Told of each step. */
  readonly onProgress: (words: string) => void;
}

export type JoinOutcome =
  | { readonly is: "running" }
  | { readonly is: "failed"; readonly failure: AgentError }
  /**
   * The signal was aborted. `underWay`: the server may be letting it in at this moment, for all
   * that is known.
   */
  | { readonly is: "given-up"; readonly failure: AgentError; readonly underWay: boolean };

/**
 * Logs a daemon in that is running and logged out, until it is running or has failed, or `signal`
 * is aborted: then it still tries. What the server says may repeat the key: that is taken out of
 * every word. @throws {AgentError} "tailnet.daemon-failed" (retryable).
 */
export async function logIn(attempt: JoinAttempt, outer: AbortSignal): Promise<JoinOutcome> {
  const { api, clock, order } = attempt;
  const server = shownAddress(order.coordinationUrl);
  let last = "";
  const tell = (words: string): void => {
    if (shownWords(words) === last) return;
    last = shownWords(words);
    attempt.onProgress(last);
  };
  let failure: AgentError | undefined;
  let running = false;
  let hasHeard = false;
  tell(`Asking the coordination server ${server}`);
  const follow = async (signal: AbortSignal): Promise<void> => {
    let begun = false;
    for await (const notification of api.notifications(signal)) {
      if (!begun) {
        // What is so before has nothing to do with this login.
        begun = true;
        await api.start(order.authKey, joinPrefs(order), signal);
        await api.logIn(signal);
        continue;
      }
      const step = loginStep(notification, server);
      if (step.is !== "nothing") hasHeard = true;
      if (step.is === "failed") ({ failure } = step);
      if (step.is === "running") running = true;
      if (failure !== undefined || running) return;
      if (step.is === "registered") tell("Registered, waits for a relay or a peer to answer");
      if (step.is === "news") tell(step.words);
    }
  };
  const tellOfSilence = async (signal: AbortSignal): Promise<void> => {
    await clock.sleep(SILENCE_MS, signal);
    if (!signal.aborted && !hasHeard)
      tell(`The coordination server ${server} has not answered for ${SILENCE_MS / 1_000} s`);
    // Only the other one ends this.
    await clock.sleep(Number.POSITIVE_INFINITY, signal);
  };
  await firstOf(outer, follow, tellOfSilence);
  if (running) return { is: "running" };
  if (failure !== undefined) {
    const { code, message, retryable } = failure;
    return { is: "failed", failure: new AgentError(code, shownWords(message), { retryable }) };
  }
  return {
    is: "given-up",
    failure: tooLate(hasHeard ? last : `The coordination server ${server} did not answer in time`),
    underWay: !hasHeard,
  };
}

function tooLate(words: string): AgentError {
  return new AgentError("tailnet.coordination-unreachable", words, { retryable: true });
}
