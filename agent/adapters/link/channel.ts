import type { Socket } from "node:net";
import { AgentError } from "../../core/errors.ts";
import { Lines, LONGEST_LINE_BYTES } from "./lines.ts";

/** As much as may wait for a far end that does not read. Beyond it the connection is dropped: the next one starts whole. */
const LONGEST_BACKLOG_BYTES = 4 * LONGEST_LINE_BYTES;

/**
 * One connection of the link. It owns the socket. `onLine` may throw: then the connection is dropped for that reason. After `gone` resolves nothing
 * more is read or written.
 */
export class Channel {
  /** Resolves when the connection is over: with the fault of the far end, if that ended it. */
  readonly gone: Promise<AgentError | undefined>;
  readonly #socket: Socket;
  readonly #lines = new Lines();
  readonly #onLine: (line: string) => void;
  #fault: AgentError | undefined;

  constructor(socket: Socket, onLine: (line: string) => void) {
    this.#socket = socket;
    this.#onLine = onLine;
    this.gone = new Promise((resolve) => {
      socket.on("close", () => resolve(this.#fault));
    });
    // A reset or a broken pipe: "close" follows, and there is nothing to add to it.
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => this.#read(chunk));
  }

  send(lines: readonly string[]): void {
    if (this.#socket.writableLength > LONGEST_BACKLOG_BYTES)
      this.drop(
        new AgentError("link.stalled", "The other end of the gateway's link does not read; it must connect again", {
          retryable: true,
        }),
      );
    if (!this.#socket.writable) return;
    for (const line of lines) this.#socket.write(line);
  }

  /** Ends the connection at once. */
  drop(fault?: AgentError): void {
    if (this.#socket.destroyed) return;
    this.#fault = fault;
    this.#socket.destroy();
  }

  /** Sends what waits, then ends; after `withinMs` it ends anyway. */
  async finish(withinMs: number): Promise<void> {
    const deadline = setTimeout(() => this.drop(), withinMs);
    this.#socket.end(() => this.#socket.destroy());
    await this.gone;
    clearTimeout(deadline);
  }

  #read(chunk: Buffer): void {
    try {
      const lines = this.#lines.push(chunk);
      if (lines === undefined) throw tooLong();
      for (const line of lines) if (!this.#socket.destroyed) this.#onLine(line);
    } catch (fault) {
      this.drop(fault instanceof AgentError ? fault : broken(fault));
    }
  }
}

function tooLong(): AgentError {
  return new AgentError("link.line-too-long", `A line on the gateway's link exceeds ${LONGEST_LINE_BYTES} bytes`, {
    retryable: true,
  });
}

function broken(cause: unknown): AgentError {
  return new AgentError("link.broken", "A message on the gateway's link could not be taken", {
    retryable: true,
    cause,
  });
}
