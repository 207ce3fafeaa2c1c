import type { BuildNetwork } from "../../ports/build-network.ts";
import { ask } from "../../wire/ask.ts";
import { APPLY, VERIFY } from "./protocol.ts";

/** A change takes a fraction of a second, a verification some seconds. */
const ANSWER_DEADLINE_MS = 120_000;

/**
 * The builds' network, asked for over its socket: whoever carries the order out is root, and this
 * process need not be.
 */
export function askedNetwork(socketPath: string): BuildNetwork {
  const options = (signal: AbortSignal) => ({ socketPath, deadlineMs: ANSWER_DEADLINE_MS, signal });
  return {
    apply: async (order, signal) => (await ask(APPLY, { order }, options(signal))).network,
    verify: async (signal) => (await ask(VERIFY, {}, options(signal))).report,
  };
}
