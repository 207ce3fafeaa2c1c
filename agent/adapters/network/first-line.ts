import type { Readable } from "node:stream";
import { AgentError } from "../../core/errors.ts";
import { LineCutter } from "../../core/line-cutter.ts";
import { LINE_MAX_CHARS } from "./protocol.ts";

/**
 * The one line that a connection brings. What follows is read and dropped, so that the connection's end is still seen.
 * @throws {AgentError} "network.no-line" (retryable) if it ends, or `deadlineMs` pass, before the line does; the signal's reason.
 */
export function firstLine(input: Readable, deadlineMs: number, signal: AbortSignal): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
  const cutter = new LineCutter(LINE_MAX_CHARS);
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      limit.removeEventListener("abort", giveUp);
      reject(signal.aborted ? reasonOf(signal) : noLine());
    };
    limit.addEventListener("abort", giveUp);
    input.setEncoding("utf8");
    input.on("data", (piece: string) => {
      const [line] = cutter.push(piece);
      if (line === undefined) return;
      limit.removeEventListener("abort", giveUp);
      resolve(line);
    });
    input.once("error", (cause) => reject(noLine(cause)));
    for (const event of ["end", "close"] as const) input.once(event, giveUp);
    if (limit.aborted) giveUp();
  });
}

function noLine(cause?: unknown): AgentError {
  return new AgentError("network.no-line", "A connection about the builds' network ended before its line did", {
    retryable: true,
    cause,
  });
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("Cancelled", { cause: signal.reason });
}
