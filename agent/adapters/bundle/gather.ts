import { AgentError } from "../../core/errors.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import type { Document } from "./collector.ts";

/** What a collector may take. */
export const COLLECTOR_MS = 5_000;

export interface Gathered {
  readonly bytes: Buffer;
  /** What is missing of it, if anything: why it is not all. */
  readonly lack?: unknown;
}

/** A document within its bounds; what came before a failure is kept. Never throws. */
export async function gather({ maxBytes, keeps, collect }: Document, outer: AbortSignal): Promise<Gathered> {
  using deadline = new Deadline(COLLECTOR_MS, outer);
  const kept = new Kept(maxBytes, keeps === "tail");
  try {
    await orOver(deadline.signal, async () => {
      const source = collect(deadline.signal);
      if (source instanceof Promise) kept.push(Buffer.from(await source, "utf8"));
      else for await (const bytes of source) if (!kept.push(bytes)) break;
    });
    return kept.isWhole ? { bytes: kept.bytes } : { bytes: kept.bytes, lack: tooLong(maxBytes, keeps) };
  } catch (lack) {
    return { bytes: wholeLines(kept.bytes), lack };
  }
}

/** Does not wait for work that does not heed its signal. @throws {AgentError} "bundle.overran" */
export async function orOver<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  let over: () => void = () => undefined;
  const cut = new Promise<never>((_, reject) => {
    over = () => reject(overran());
    if (signal.aborted) over();
    else signal.addEventListener("abort", over, { once: true });
  });
  try {
    return await Promise.race([work(), cut]);
  } catch (failure) {
    throw signal.aborted ? overran() : failure;
  } finally {
    signal.removeEventListener("abort", over);
  }
}

function overran(): AgentError {
  return new AgentError("bundle.overran", `did not end within its ${COLLECTOR_MS / 1_000} s, or time was up for all`, {
    retryable: true,
  });
}

function tooLong(maxBytes: number, keeps: "tail" | undefined): AgentError {
  const which = keeps === "tail" ? "last" : "first";
  return new AgentError("bundle.too-long", `is longer: its ${which} ${maxBytes} bytes are here`, { retryable: false });
}

const NEWLINE = 0x0a;

/** Without what was begun after the last line's end. */
function wholeLines(text: Buffer): Buffer {
  return text.subarray(0, text.lastIndexOf(NEWLINE) + 1);
}

/** The first bytes of a text, or its last. */
class Kept {
  #parts: Uint8Array[] = [];
  #size = 0;
  #dropped = 0;
  readonly #max: number;
  readonly #keepsTail: boolean;

  constructor(max: number, keepsTail: boolean) {
    this.#max = max;
    this.#keepsTail = keepsTail;
  }

  /** False: no more is wanted. */
  push(bytes: Uint8Array): boolean {
    this.#parts.push(bytes);
    this.#size += bytes.length;
    if (!this.#keepsTail) return this.#size <= this.#max;
    while (this.#size - (this.#parts[0]?.length ?? 0) >= this.#max) {
      const gone = this.#parts.shift()?.length ?? 0;
      this.#size -= gone;
      this.#dropped += gone;
    }
    return true;
  }

  get isWhole(): boolean {
    return this.#dropped === 0 && this.#size <= this.#max;
  }

  /** Whole lines where it was cut: half a secret would not be recognised. */
  get bytes(): Buffer {
    const all = Buffer.concat(this.#parts);
    if (this.isWhole) return all;
    if (!this.#keepsTail) return wholeLines(all.subarray(0, this.#max));
    const tail = all.subarray(Math.max(0, all.length - this.#max));
    return tail.subarray(tail.indexOf(NEWLINE) + 1 || tail.length);
  }
}
