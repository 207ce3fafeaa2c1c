import { AgentError } from "../../core/errors.ts";
import { aborted } from "../../lifecycle/branch.ts";
import type { Log } from "../../ports/log.ts";
import type { OperatorClerk, OperatorDesk } from "../../ports/operators.ts";
import { listenUnix } from "../../wire/listener.ts";
import { type Handler, on, serve } from "../../wire/serve.ts";
import { DRAIN, HEALTH, MARK, OPERATORS, RECONNECT } from "./protocol.ts";

/** Some people, each with a few windows that watch; scripts. */
const MAX_CONNECTIONS = 32;
/** Its user and its group: the directory, which gives the group, keeps everybody else out. */
const MODE = 0o660;

/** Operators ask over a unix socket. */
export function operatorDesk({ path, log }: { readonly path: string; readonly log: Log }): OperatorDesk {
  return {
    async serve(clerk, signal) {
      const handlers = handlersOf(clerk, log);
      const answering = new Set<Promise<unknown>>();
      const listening = { path, mode: MODE, maxConnections: MAX_CONNECTIONS, refused };
      await using listener = await listenUnix(listening, (socket) => {
        const onFailure = (err: unknown): void => {
          if (!isSilent(err)) log.warn({ err }, "operator.not-answered");
        };
        const served = serve(OPERATORS, handlers, socket, { signal, onFailure }).finally(() =>
          answering.delete(served),
        );
        answering.add(served);
      });
      listener.onError((err) => log.warn({ err }, "operators.not-accepted"));
      await aborted(signal, signal);
      await Promise.all(answering);
    },
  };
}

function handlersOf(clerk: OperatorClerk, log: Log): readonly Handler[] {
  return [
    on(DRAIN, async ({ watch, ...wish }, signal, step) => {
      const progress = clerk.drain(wish);
      if (!watch) return { is: "ordered" as const, progress };
      const over = await clerk.watchEnding((one) => step({ is: "progress", progress: one }), signal);
      return { is: "over" as const, ...over };
    }),
    on(RECONNECT, async (_, signal) => ({ is: "tried", outcome: await clerk.reconnect(signal) })),
    on(HEALTH, async () => ({ is: "health" as const, report: { ...clerk.health() } })),
    on(MARK, async ({ marker }) => {
      log.info({ marker }, "bundle.made");
      return { is: "marked" as const };
    }),
  ];
}

/** Who only looked whether somebody is here. */
function isSilent(err: unknown): boolean {
  return err instanceof AgentError && err.code === "operators.no-request";
}

function refused(why: string, cause?: unknown): AgentError {
  return new AgentError("operators.cannot-listen", `Operators cannot ask over their socket: ${why}`, {
    retryable: true,
    cause,
  });
}
