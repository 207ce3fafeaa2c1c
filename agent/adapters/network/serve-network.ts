import type { Socket } from "node:net";
import { AgentError } from "../../core/errors.ts";
import type { BuildNetwork } from "../../ports/build-network.ts";
import type { Log } from "../../ports/log.ts";
import { on, type Served, type Serving, serve } from "../../wire/serve.ts";
import { APPLY, ESTABLISH, NETWORK, VERIFY } from "./protocol.ts";

/**
 * Answers one connection. An order that has begun is carried out also if its asker is gone: it may
 * be a dying control's last wish. A verification ends with its asker. Never throws.
 */
export function serveNetwork(
  network: BuildNetwork,
  socket: Socket,
  log: Log,
  serving: Pick<Serving, "admit" | "signal">,
): Promise<Served> {
  return serve(
    NETWORK,
    [
      on(APPLY, async ({ order }, signal) => ({ is: "applied", network: await network.apply(order, signal) })),
      on(VERIFY, async (_, signal) => ({ is: "verified", report: await network.verify(signal) })),
      on(ESTABLISH, async ({ order }, signal, step, asker) => {
        step({ is: "applied", network: await network.apply(order, signal) });
        try {
          return { is: "verified", report: await network.verify(asker) };
        } catch (failure) {
          // Nobody waits for it: that is no failure.
          if (asker.aborted) return undefined;
          throw failure;
        }
      }),
    ],
    socket,
    {
      ...serving,
      onFailure(err) {
        if (!isNoRequest(err)) log.warn({ err }, "network.not-served");
      },
    },
  );
}

/** Control connects before it has an order, so that it is not waited for; and may get none. */
export function isNoRequest(failure: unknown): boolean {
  return failure instanceof AgentError && failure.code === `${NETWORK.name}.no-request`;
}
