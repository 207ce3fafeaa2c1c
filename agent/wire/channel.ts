import type { Socket } from "node:net";
import { AgentError } from "../core/errors.ts";
import type { ReadingPace } from "../core/reading-pace.ts";
import { Lines } from "./lines.ts";
import type { Protocol } from "./protocol.ts";

/** Given to the socket at a time: about what the kernel takes. */
const WRITE_CHARS = 256 * 1024;
/**
 * What may wait for a far end that does not read: the records of 50,000 sessions that are cut at
 * once.
 */
const BACKLOG_MAX_CHARS = 32 * 1024 * 1024;
/** How long the far end may take none of what waits. */
const STALLED_MS = 30_000;
/**
 * Lines that are taken in a row. One read brings a thousand short ones, each may wake a dozen
 * chapters (a gateway's figures take 30 ms on a busy machine), and other work must not wait.
 */
const LINES_A_TURN = 4;

/** How fast a far end is read that may say more than is good for us. */
export interface Paced {
  readonly pace: ReadingPace;
  /** Each time when it has to wait. */
  readonly onPause?: () => void;
}

export interface ChannelOptions {
  readonly stalledMs?: number;
  readonly paced?: Paced;
  /**
   * What is sent in one turn goes in one write, at its end, and the far end wakes once: for news,
   * of which there may be much. An order is written at once.
   */
  readonly gathers?: boolean;
}

/**
 * A connection that lasts, of lines in both directions. It owns the socket, and is bounded both
 * ways: a far end that does not read loses the connection before its backlog fills our memory, and
 * `pause` lets the far end wait for us. `onLine` may throw: then the connection is dropped for that
 * reason.
 */
export class Channel {
  /** Resolves when the connection is over: with the fault of the far end, if that ended it. */
  readonly gone: Promise<AgentError | undefined>;
  readonly #socket: Socket;
  readonly #protocol: Protocol;
  readonly #stalledMs: number;
  readonly #lines: Lines;
  readonly #onLine: (line: string) => void;
  readonly #paced: Paced | undefined;
  readonly #gathers: boolean;
  readonly #outbox: Iterator<string>[] = [];
  #backlogChars = 0;
  #isWriting = false;
  #isWriteDue = false;
  #isFinishing = false;
  /** By whoever reads what we give on. */
  #isPaused = false;
  /** By us: lines wait for their turn. */
  #isHeld = false;
  #resting: NodeJS.Timeout | undefined;
  #stalled: NodeJS.Timeout | undefined;
  #fault: AgentError | undefined;

  constructor(
    socket: Socket,
    protocol: Protocol,
    onLine: (line: string) => void,
    { stalledMs = STALLED_MS, paced, gathers = false }: ChannelOptions = {},
  ) {
    this.#socket = socket;
    this.#protocol = protocol;
    this.#stalledMs = stalledMs;
    this.#paced = paced;
    this.#gathers = gathers;
    this.#lines = new Lines(protocol.lineMaxBytes);
    this.#onLine = onLine;
    this.gone = new Promise((resolve) => {
      socket.on("close", () => {
        clearTimeout(this.#stalled);
        clearTimeout(this.#resting);
        this.#outbox.length = 0;
        resolve(this.#fault);
      });
    });
    // A reset or a broken pipe: "close" follows, and there is nothing to add to it.
    socket.on("error", () => undefined);
    socket.on("end", () => socket.destroy());
    socket.on("data", (chunk) => this.#turn(this.#lines.push(chunk)));
  }

  /** Sends a line after all that waits. */
  send(line: string): void {
    if (this.#backlogChars > BACKLOG_MAX_CHARS) this.drop(this.#stall("leaves too much unread"));
    if (this.#socket.destroyed || this.#isFinishing) return;
    this.#backlogChars += line.length;
    this.#enqueue(oneLine(line, () => (this.#backlogChars -= line.length)));
  }

  /**
   * Sends lines that are only made when the far end takes them, however many: they are no backlog.
   */
  sendLazily(lines: Iterable<string>): void {
    if (!this.#socket.destroyed && !this.#isFinishing) this.#enqueue(lines[Symbol.iterator]());
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isHeld) this.#socket.resume();
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
    this.#isFinishing = true;
    this.#write();
    await this.gone;
    clearTimeout(deadline);
  }

  #enqueue(lines: Iterator<string>): void {
    this.#outbox.push(lines);
    if (!this.#gathers) this.#write();
    if (!this.#gathers || this.#isWriteDue) return;
    this.#isWriteDue = true;
    setImmediate(() => {
      this.#isWriteDue = false;
      this.#write();
    });
  }

  /**
   * One write at a time, and what comes next in a turn of its own: a long answer must not keep
   * other work waiting.
   */
  #write(): void {
    if (this.#isWriting || this.#socket.destroyed) return;
    const text = this.#nextText();
    if (text === "") {
      // The far end's end follows: closed before it, its last write would fail, and what it had not
      // read be lost.
      if (this.#isFinishing) this.#socket.end();
      return;
    }
    this.#isWriting = true;
    this.#stalled = setTimeout(() => this.drop(this.#stall("does not read")), this.#stalledMs);
    this.#socket.write(text, () => {
      clearTimeout(this.#stalled);
      this.#isWriting = false;
      if (this.#outbox.length > 0 || this.#isFinishing) setImmediate(() => this.#write());
    });
  }

  #nextText(): string {
    let text = "";
    while (text.length < WRITE_CHARS) {
      const next = this.#outbox[0]?.next();
      if (next === undefined) break;
      if (next.done) this.#outbox.shift();
      else text += next.value;
    }
    return text;
  }

  /**
   * Some of the lines; the rest in turns of their own. What is done about a line in answer to it
   * is over when the next phase of the loop begins, and counts as its cost. Until then no other
   * read is taken, or its lines would overtake these.
   */
  #turn(lines: Iterator<string, void>): void {
    const startedMs = performance.now();
    const isMore = this.#take(lines);
    if (!isMore && this.#paced === undefined) return this.#release();
    this.#hold();
    setImmediate(() => {
      const goOn = (): void => (isMore ? this.#turn(lines) : this.#release());
      const pauseMs = this.#pauseMs(performance.now() - startedMs);
      if (pauseMs === 0 || this.#socket.destroyed) return goOn();
      this.#paced?.onPause?.();
      this.#resting = setTimeout(goOn, pauseMs);
    });
  }

  #pauseMs(spentMs: number): number {
    return this.#paced?.pace.pauseMs(spentMs, performance.now()) ?? 0;
  }

  /** Whether there may be more. */
  #take(lines: Iterator<string, void>): boolean {
    try {
      for (let taken = 0; taken < LINES_A_TURN; taken += 1) {
        if (this.#socket.destroyed) return false;
        const next = lines.next();
        if (next.done) return false;
        this.#onLine(next.value);
      }
      return true;
    } catch (cause) {
      this.drop(cause instanceof AgentError ? cause : this.#broken(cause));
      return false;
    }
  }

  #hold(): void {
    this.#isHeld = true;
    this.#socket.pause();
  }

  #release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    if (!this.#isPaused) this.#socket.resume();
  }

  #stall(how: string): AgentError {
    return this.#failed("stalled", `The other end ${how}`);
  }

  #broken(cause: unknown): AgentError {
    return cause instanceof RangeError
      ? this.#failed("line-too-long", "A line is too long", cause)
      : this.#failed("broken", "A message could not be taken", cause);
  }

  #failed(code: string, what: string, cause?: unknown): AgentError {
    const { name, answerer } = this.#protocol;
    const message = `${what}, on a connection of ${answerer}: it was dropped, and must be made again`;
    return new AgentError(`${name}.${code}`, message, { retryable: true, cause });
  }
}

function* oneLine(line: string, onTaken: () => void): Generator<string, void, undefined> {
  onTaken();
  yield line;
}
