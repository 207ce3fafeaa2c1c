import { AgentError } from "../../core/errors.ts";
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
  /** Told of each step; the secret never gets there. */
  readonly onProgress: (words: string) => void;
}

/**
 * Logs a daemon in that is running and logged out. Resolves once it says that it is running. What the server answers may repeat the key: it is taken out of
 * every word. @throws {AgentError} as `TailnetNode.join` does; "tailnet.coordination-unreachable", with the last that was known, when `signal` is aborted.
 */
export async function logIn(attempt: JoinAttempt, outer: AbortSignal): Promise<void> {
  const { api, clock, order } = attempt;
  const secret = order.authKey.reveal();
  const clean = (words: string): string => (secret === "" ? words : words.replaceAll(secret, "[secret]"));
  let last = "";
  const tell = (words: string): void => {
    const next = clean(words);
    if (next === last) return;
    last = next;
    attempt.onProgress(next);
  };
  let failure: AgentError | undefined;
  let running = false;
  tell(`Asking the coordination server ${order.coordinationUrl}`);
  const asked = last;
  await firstOf(
    outer,
    async (signal) => {
      let begun = false;
      for await (const notification of api.notifications(signal)) {
        // What is so before has nothing to do with this login.
        if (!begun) {
          begun = true;
          await api.start(order.authKey, joinPrefs(order), signal);
          await api.logIn(signal);
          continue;
        }
        const step = loginStep(notification, order.coordinationUrl);
        if (step.is === "failed") failure = step.failure;
        if (step.is === "running") running = true;
        if (failure !== undefined || running) return;
        if (step.is === "registered") tell("Registered, waits for a relay or a peer to answer");
        if (step.is === "news") tell(step.words);
      }
    },
    async (signal) => {
      await clock.sleep(SILENCE_MS, signal);
      if (!signal.aborted && last === asked)
        tell(`The coordination server ${order.coordinationUrl} has not answered for ${SILENCE_MS / 1_000} s`);
      // Only the other one ends this.
      await clock.sleep(Number.POSITIVE_INFINITY, signal);
    },
  );
  if (running) return;
  if (failure !== undefined)
    throw new AgentError(failure.code, clean(failure.message), { retryable: failure.retryable });
  throw new AgentError("tailnet.coordination-unreachable", last === asked ? notInTime(order.coordinationUrl) : last, {
    retryable: true,
  });
}

function notInTime(server: string): string {
  return `The coordination server ${server} did not answer in time`;
}
