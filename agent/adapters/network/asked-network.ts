import type { BuildNetwork } from "../../ports/build-network.ts";
import { Ahead } from "../../wire/ahead.ts";
import { ask } from "../../wire/ask.ts";
import { FirstOrder } from "./first-order.ts";
import { APPLY, VERIFY } from "./protocol.ts";

/** A change takes a fraction of a second, a verification some seconds. */
const ANSWER_DEADLINE_MS = 120_000;

/**
 * The builds' network, asked for over its socket: whoever carries the order out is root, and this
 * process need not be. `startsAhead`: who will carry out the first order, and try it, starts before
 * there is one, since a boot waits for it.
 */
export function askedNetwork(
  socketPath: string,
  { startsAhead = false }: { readonly startsAhead?: boolean } = {},
): BuildNetwork {
  const ahead = new Ahead(socketPath);
  if (startsAhead) ahead.open();
  let isFirst = startsAhead;
  /** Of which nobody has asked what came of its trial. */
  let untold: FirstOrder | undefined;
  const asking = { socketPath, deadlineMs: ANSWER_DEADLINE_MS };
  return {
    async apply(order, signal) {
      untold?.giveUp();
      untold = undefined;
      if (!isFirst) return (await ask(APPLY, { order }, { ...asking, signal })).network;
      isFirst = false;
      const first = new FirstOrder(order, { ...asking, connection: ahead.take() });
      const network = await first.applied(signal);
      untold = first;
      return network;
    },
    async verify(signal) {
      const first = untold;
      untold = undefined;
      return first === undefined ? (await ask(VERIFY, {}, { ...asking, signal })).report : first.verified(signal);
    },
  };
}
