import type { BuildNetwork } from "../../ports/build-network.ts";
import { Ahead } from "../../wire/ahead.ts";
import { ask } from "../../wire/ask.ts";
import { APPLY, VERIFY } from "./protocol.ts";

/** A change takes a fraction of a second, a verification some seconds. */
const ANSWER_DEADLINE_MS = 120_000;

/**
 * The builds' network, asked for over its socket: whoever carries the order out is root, and this
 * process need not be. `startsAhead`: who will carry out the first order, and who will try it,
 * start before there is one, since a boot waits for both.
 */
export function askedNetwork(
  socketPath: string,
  { startsAhead = false }: { readonly startsAhead?: boolean } = {},
): BuildNetwork {
  const ahead = new Ahead(socketPath);
  if (startsAhead) ahead.open();
  let isFirst = startsAhead;
  const options = (signal: AbortSignal) => {
    const connection = ahead.take();
    if (isFirst) ahead.open();
    isFirst = false;
    return { socketPath, deadlineMs: ANSWER_DEADLINE_MS, signal, connection };
  };
  return {
    apply: async (order, signal) => (await ask(APPLY, { order }, options(signal))).network,
    verify: async (signal) => (await ask(VERIFY, {}, options(signal))).report,
  };
}
