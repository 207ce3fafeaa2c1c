import { write, writeSync } from "node:fs";
import { type Unblocked, unblocked } from "./unblocked.ts";

/** What may wait in memory for a reader that stalls or a disk that is full: some 5,000 lines. */
const BUFFERED_MAX_BYTES = 1_048_576;
/** At most this much in one write by a thread. */
const CHUNK_MAX_BYTES = 65_536;
/**
 * Between two tries. A reader that only paused has its lines at once; one that is gone costs a
 * system call a second.
 */
const PAUSE_FIRST_MS = 10;
const PAUSE_MAX_MS = 1_000;
/** At the exit of the process: no longer than this without progress, nor than this in all. */
const EXIT_STALL_MS = 500;
const EXIT_MAX_MS = 2_000;
const EXIT_NAP_MS = 5;
/** A file's write that has taken longer than this will not be over soon. */
const STUCK_MS = 250;

export interface LineOutputOptions {
  readonly fd: number;
  /** Makes the line that says how many were dropped. Called once room is there again. */
  readonly dropped?: (lines: number) => string | undefined;
  /** A file is written in the same turn; its disk may then make us wait. For last words only. */
  readonly waitsForDisks?: boolean;
}

/**
 * Lines to a descriptor. A write never throws and never waits: what cannot be written now is kept,
 * up to 1 MiB, and tried again; what finds no room is dropped and counted. Where a reader keeps up,
 * a line is with the kernel before `write` returns, unless it goes to a file. A line of up to 4 KiB
 * (PIPE_BUF) is written whole or not at all, so that processes may share a pipe. What is left at
 * the exit of the process gets 2 s at most.
 */
export class LineOutput {
  readonly #to: Unblocked;
  readonly #droppedLine: (lines: number) => string | undefined;
  readonly #lines: Buffer[] = [];
  #bufferedBytes = 0;
  /** Of the first line, how much is written. */
  #firstWrittenBytes = 0;
  #dropped = 0;
  #droppedEver = 0;
  #pauseMs = PAUSE_FIRST_MS;
  #pause: NodeJS.Timeout | undefined;
  #inFlight: { readonly bytes: number; readonly sinceMs: number } | undefined;

  constructor({ fd, dropped = () => undefined, waitsForDisks = false }: LineOutputOptions) {
    const to = unblocked(fd);
    this.#to = waitsForDisks ? { ...to, writes: "at-once" } : to;
    this.#droppedLine = dropped;
    atExit(this);
  }

  /** How many lines found no room so far. */
  get dropped(): number {
    return this.#droppedEver;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (!this.#hasRoomFor(bytes.length)) {
      this.#dropped += 1;
      this.#droppedEver += 1;
      return;
    }
    this.#sayDropped();
    this.#keep(bytes);
    this.#advance();
  }

  /** Waits, but not for long. To be called when nothing else will run in this process. */
  flushAtExit(): void {
    if (this.#inFlight !== undefined) {
      if (performance.now() - this.#inFlight.sinceMs > STUCK_MS) return;
      // Node lets its threads finish before the process is gone.
      this.#wrote(this.#inFlight.bytes);
      this.#inFlight = undefined;
    }
    const until = performance.now() + EXIT_MAX_MS;
    for (let progressMs = performance.now(); this.#lines.length > 0; ) {
      const now = performance.now();
      try {
        this.#writeFirst();
        progressMs = now;
      } catch (failure) {
        if (!isFull(failure) || now > until || now > progressMs + EXIT_STALL_MS) return;
        Atomics.wait(NAP, 0, 0, EXIT_NAP_MS);
      }
    }
    if (this.#dropped === 0) return;
    this.#sayDropped();
    this.flushAtExit();
  }

  /**
   * After a drop, half of the buffer must be free again: one line says how many were lost, not one
   * a line.
   */
  #hasRoomFor(bytes: number): boolean {
    const limit = this.#dropped === 0 ? BUFFERED_MAX_BYTES : BUFFERED_MAX_BYTES / 2;
    return this.#bufferedBytes + bytes <= limit;
  }

  #sayDropped(): void {
    if (this.#dropped === 0 || !this.#hasRoomFor(0)) return;
    const lines = this.#dropped;
    this.#dropped = 0;
    const line = this.#droppedLine(lines);
    if (line !== undefined) this.#keep(Buffer.from(line));
  }

  #keep(line: Buffer): void {
    this.#lines.push(line);
    this.#bufferedBytes += line.length;
  }

  #advance(): void {
    if (this.#pause !== undefined || this.#inFlight !== undefined) return;
    if (this.#to.writes === "by-thread") {
      this.#writeByThread();
      return;
    }
    try {
      while (this.#lines.length > 0) this.#writeFirst();
    } catch {
      this.#tryLater();
    }
  }

  /** @throws what the kernel says; then nothing was written. */
  #writeFirst(): void {
    const [line] = this.#lines;
    if (line === undefined) return;
    this.#wrote(writeSync(this.#to.fd, line, this.#firstWrittenBytes));
  }

  #writeByThread(): void {
    const chunk = this.#nextChunk();
    if (chunk.length === 0) return;
    this.#inFlight = { bytes: chunk.length, sinceMs: performance.now() };
    write(this.#to.fd, chunk, (failure, writtenBytes) => {
      this.#inFlight = undefined;
      this.#wrote(writtenBytes);
      if (failure === null && writtenBytes > 0) this.#advance();
      else this.#tryLater();
    });
  }

  #nextChunk(): Buffer {
    const pieces: Buffer[] = [];
    let bytes = 0;
    for (const line of this.#lines) {
      const piece = pieces.length === 0 ? line.subarray(this.#firstWrittenBytes) : line;
      if (pieces.length > 0 && bytes + piece.length > CHUNK_MAX_BYTES) break;
      pieces.push(piece);
      bytes += piece.length;
    }
    return Buffer.concat(pieces);
  }

  #wrote(bytes: number): void {
    if (bytes > 0) this.#pauseMs = PAUSE_FIRST_MS;
    let left = this.#firstWrittenBytes + bytes;
    for (let [line] = this.#lines; line !== undefined && left >= line.length; [line] = this.#lines) {
      left -= line.length;
      this.#bufferedBytes -= line.length;
      this.#lines.shift();
    }
    this.#firstWrittenBytes = left;
    this.#sayDropped();
  }

  #tryLater(): void {
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#advance();
    }, this.#pauseMs).unref();
    this.#pauseMs = Math.min(PAUSE_MAX_MS, this.#pauseMs * 2);
  }
}

const NAP = new Int32Array(new SharedArrayBuffer(4));

function isFull(failure: unknown): boolean {
  return failure instanceof Error && "code" in failure && failure.code === "EAGAIN";
}

const outputs = new Set<LineOutput>();

function atExit(output: LineOutput): void {
  if (outputs.size === 0)
    process.once("exit", () => {
      for (const each of outputs) each.flushAtExit();
    });
  outputs.add(output);
}
