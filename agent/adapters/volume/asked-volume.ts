import { connect } from "node:net";
import { AgentError } from "../../core/errors.ts";
import { LineCutter } from "../../core/line-cutter.ts";
import type { OpenedVolume, VolumeOrder } from "../../core/volume/order.ts";
import { within } from "../../lifecycle/branch.ts";
import type { CacheVolume } from "../../ports/cache-volume.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ServiceUnits } from "../../ports/service-units.ts";
import { type Answer, LINE_MAX_CHARS, orderLine, readAnswer } from "./protocol.ts";

/** Longer than the half hour after which the service manager ends an order: for the case that nobody is there to keep it. */
const ORDER_DEADLINE_MS = 35 * 60_000;

export interface AskedVolumeOptions {
  /** Where the service manager listens for orders. */
  readonly socketPath: string;
  readonly services: Pick<ServiceUnits, "start" | "stop">;
  readonly clock: Clock;
}

/** The volume, asked for over its socket: whoever carries the order out is root, and this process is not. */
export function askedVolume({ socketPath, services, clock }: AskedVolumeOptions): CacheVolume {
  return {
    open: async (order, signal) => {
      const volume = await within(clock, ORDER_DEADLINE_MS, signal, (limit) => ask(socketPath, order, limit));
      await services.start("cache-mount", signal);
      return volume;
    },
    close: (signal) => services.stop("cache-volume", signal),
  };
}

async function ask(socketPath: string, order: VolumeOrder, signal: AbortSignal): Promise<OpenedVolume> {
  signal.throwIfAborted();
  for await (const answer of answers(socketPath, order, signal)) {
    if (answer.is === "opened") return answer.volume;
    if (answer.is === "failed") throw new AgentError(answer.code, answer.message, { retryable: answer.retryable });
  }
  signal.throwIfAborted();
  throw new AgentError(
    "cache.no-answer",
    `The order for the cache volume at ${socketPath} ended without an answer: see the journal of builder-agent-volume@`,
    { retryable: true },
  );
}

async function* answers(
  socketPath: string,
  order: VolumeOrder,
  signal: AbortSignal,
): AsyncGenerator<Answer, void, undefined> {
  const socket = connect(socketPath);
  const close = (): void => void socket.destroy();
  signal.addEventListener("abort", close, { once: true });
  const cutter = new LineCutter(LINE_MAX_CHARS);
  socket.setEncoding("utf8");
  socket.write(orderLine(order));
  try {
    // With an encoding set, the pieces are text.
    for await (const piece of socket as AsyncIterable<string>) yield* cutter.push(piece).map(readAnswer);
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    signal.throwIfAborted();
    throw new AgentError("cache.unreachable", `Nobody takes orders for the cache volume at ${socketPath}`, {
      retryable: true,
      cause,
    });
  } finally {
    signal.removeEventListener("abort", close);
    socket.destroy();
  }
}
