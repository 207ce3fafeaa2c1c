import type { Socket } from "node:net";
import { AgentError } from "../../core/errors.ts";
import { LineCutter } from "../../core/line-cutter.ts";
import { LINE_MAX_CHARS } from "./protocol.ts";

/** A peer that connects has something to say. */
const FIRST_LINE_DEADLINE_MS = 5_000;

/** The lines that come over a connection, until it ends. Leaving the loop, or aborting `signal`, closes the connection. */
export async function* linesOf(socket: Socket, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  const close = (): void => void socket.destroy();
  signal.addEventListener("abort", close);
  if (signal.aborted) close();
  const cutter = new LineCutter(LINE_MAX_CHARS);
  socket.setEncoding("utf8");
  try {
    // With an encoding set, the pieces are text.
    for await (const piece of socket as AsyncIterable<string>) yield* cutter.push(piece);
  } catch (failure) {
    if (!signal.aborted) throw failure;
  } finally {
    signal.removeEventListener("abort", close);
    socket.destroy();
  }
}

/**
 * The first line, and no more: what follows is read and dropped, so that the connection's end is still seen.
 * @throws {AgentError} "launcher.no-request" if the connection ends, or 5 s pass, before the line does.
 */
export function firstLineOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const cutter = new LineCutter(LINE_MAX_CHARS);
    socket.setEncoding("utf8");
    socket.setTimeout(FIRST_LINE_DEADLINE_MS, () => socket.destroy());
    socket.on("data", (piece: string) => {
      const [line] = cutter.push(piece);
      if (line === undefined) return;
      socket.setTimeout(0);
      resolve(line);
    });
    socket.once("close", () =>
      reject(new AgentError("launcher.no-request", "The connection ended without a request", { retryable: false })),
    );
  });
}
