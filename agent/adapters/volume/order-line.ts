import type { Readable } from "node:stream";
import { AgentError } from "../../core/errors.ts";
import { LineCutter } from "../../core/line-cutter.ts";
import { LINE_MAX_CHARS } from "./protocol.ts";

/** Whoever connects has its order ready. */
const DEADLINE_MS = 10_000;

/** The one line that a connection brings. @throws {AgentError} "cache.no-order" if it ends, or 10 s pass, before the line does. */
export async function readOrderLine(input: Readable, signal: AbortSignal): Promise<string> {
  const cutter = new LineCutter(LINE_MAX_CHARS);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
  const close = (): void => void input.destroy();
  limit.addEventListener("abort", close, { once: true });
  input.setEncoding("utf8");
  try {
    // Not destroyed after the line: it may be the very socket that the answers go to. With an encoding set, the pieces are text.
    const pieces = input.iterator({ destroyOnReturn: false }) as AsyncIterable<string>;
    for await (const piece of pieces) {
      const [line] = cutter.push(piece);
      if (line !== undefined) return line;
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw noOrder(cause);
  } finally {
    limit.removeEventListener("abort", close);
  }
  throw noOrder();
}

function noOrder(cause?: unknown): AgentError {
  return new AgentError("cache.no-order", "The connection ended without an order for the cache volume", {
    retryable: false,
    cause,
  });
}
