/**
 * The way of a session's bytes, in both directions. Each direction reads into a piece of ours and
 * writes from where it was read to. One piece, from its left to its right:
 *
 *       ┌──────────────┬──────────────────┬────────────────┬─────────────────────┐
 *       │ lent         │ waits            │ told           │ room                │
 *       └──────────────┴──────────────────┴────────────────┴─────────────────────┘
 *         writes that    passed by the      came just now:    Node's: what is read
 *         are not done   guard, and goes    the guard looks   next is put here, at
 *         hold it        in the next write  at it, in place   any moment
 *
 * - Nothing moves: a byte is written from where it was read to. What the guard adds or puts
 *   together itself lies elsewhere, and is written in its turn.
 * - A piece begins anew at its left when no write holds any of it and nothing waits. One with
 *   little room left is let go: another takes its place, and it goes back to the spare ones once
 *   the last write that holds it is done.
 * - What a failed write held is never used again: it is left to the garbage collector.
 * - The room of a piece that was let go is not written to any more: Node has asked for the next by
 *   then. So a session's last piece is let go only when both of its sockets are closed.
 *
 * Towards BuildKit what came in one turn of the event loop goes in one write, so that BuildKit is
 * woken once. Towards the client each read is a write: it comes in large pieces already.
 */

/** As much as a silent session holds in each direction: most are silent most of the time. */
const SILENT_BYTES = 2 * 1024;
/** After the first read that filled its room: four TLS records. */
const BUSY_BYTES = 64 * 1024;
/** Of a piece: less room than that is not worth a read. A whole TLS record has place in it. */
const LEAST_ROOM = 1 / 4;

/**
 * Less is not worth waiting for company: it is a message of its own, and somebody waits for the
 * answer.
 */
const ALONE_BYTES = 1024;

/** As much may wait for BuildKit before the client is no longer read. */
const UP_BACKLOG_BYTES = 256 * 1024;
/** The other way round: what more waits for the client is copied together by Node. */
const DOWN_BACKLOG_BYTES = 2 * BUSY_BYTES;

/**
 * Pieces of a size. No more are spare than sessions have, or some few: so many may be exchanged in
 * one turn, and what had to be allocated anew for each would keep the garbage collector marking.
 */
interface Pieces {
  readonly spare: Piece[];
  /** The present ones of all sessions. */
  inUse: number;
}
const FEW_SPARE = 16;

/** A socket, as far as it matters here. It holds what it was given until `done`. */
export interface Taker {
  readonly writable: boolean;
  readonly writableLength: number;
  write(bytes: Uint8Array, done?: (failure?: Error | null) => void): boolean;
}

/** The other end of a direction: false stops it. */
type Pass = (bytes: Buffer) => void;

type Size = "silent" | "busy";

class Piece {
  readonly bytes: Buffer;
  /** Writes that hold a part of it, and one for what waits. */
  holders = 0;
  readonly #others: Pieces;
  #isLetGo = false;
  #isSpoilt = false;

  private constructor(size: Size) {
    this.bytes = Buffer.allocUnsafeSlow(size === "silent" ? SILENT_BYTES : BUSY_BYTES);
    this.#others = pieces[size];
  }

  static of(size: Size): Piece {
    const piece = pieces[size].spare.pop() ?? new Piece(size);
    piece.#isLetGo = false;
    pieces[size].inUse += 1;
    return piece;
  }

  readonly release = (failure?: Error | null): void => {
    this.holders -= 1;
    if (failure) this.#isSpoilt = true;
    if (this.#isLetGo) this.#giveBack();
  };

  letGo(): void {
    this.#isLetGo = true;
    this.#others.inUse -= 1;
    this.#giveBack();
  }

  #giveBack(): void {
    const { spare, inUse } = this.#others;
    if (this.holders === 0 && !this.#isSpoilt) spare.push(this);
    while (spare.length > Math.max(inUse, FEW_SPARE)) spare.pop();
  }
}

const pieces: Readonly<Record<Size, Pieces>> = {
  silent: { spare: [], inUse: 0 },
  busy: { spare: [], inUse: 0 },
};

/** What one direction reads into. */
class Intake {
  piece = Piece.of("silent");
  #read = 0;
  #wasFilled = false;

  /** Whether `room` takes another piece. */
  get isFull(): boolean {
    const { holders, bytes } = this.piece;
    const isSmall = this.#wasFilled && bytes.length < BUSY_BYTES;
    return isSmall || (holders > 0 && bytes.length - this.#read < bytes.length * LEAST_ROOM);
  }

  room(): Buffer {
    if (this.isFull) {
      const next = Piece.of(this.#wasFilled ? "busy" : "silent");
      this.piece.letGo();
      this.piece = next;
      this.#read = 0;
    } else if (this.piece.holders === 0) this.#read = 0;
    return this.piece.bytes.subarray(this.#read);
  }

  took(count: number): Buffer {
    const from = this.#read;
    this.#read += count;
    if (this.#read === this.piece.bytes.length) this.#wasFilled = true;
    return this.piece.bytes.subarray(from, this.#read);
  }

  holds(bytes: Buffer): boolean {
    return bytes.buffer === this.piece.bytes.buffer;
  }
}

/** From the client to BuildKit. */
export class Upward {
  /** So many came, and were passed. */
  bytes = 0;
  readonly #intake = new Intake();
  readonly #to: Taker;
  readonly #pass: Pass;
  /** What waits, in the present piece. */
  #from = 0;
  #until = 0;
  #waits = false;
  #isDue = false;
  #isHeldUp = false;

  constructor(to: Taker, pass: Pass) {
    this.#to = to;
    this.#pass = pass;
  }

  readonly room = (): Buffer => {
    if (this.#intake.isFull) this.send();
    return this.#intake.room();
  };

  /**
   * False: BuildKit has enough to do. What it no longer takes is dropped: its own last bytes are
   * still on their way to the client.
   */
  readonly took = (count: number): boolean => {
    if (!this.#to.writable) return true;
    this.bytes += count;
    this.#pass(this.#intake.took(count));
    return !this.#isHeldUp;
  };

  /** The same for what Node has put elsewhere. */
  copy(chunk: Buffer): boolean {
    for (let at = 0; at < chunk.length; ) {
      const copied = chunk.copy(this.room(), 0, at);
      this.took(copied);
      at += copied;
    }
    return !this.#isHeldUp;
  }

  /** Puts into the next write what came, or what lies elsewhere. */
  add(bytes: Buffer): void {
    const { piece } = this.#intake;
    if (!this.#intake.holds(bytes)) {
      this.send();
      this.#write(bytes);
      return;
    }
    const from = bytes.byteOffset - piece.bytes.byteOffset;
    if (from !== this.#until) this.send();
    const isAlone = !this.#waits && !this.#isDue && bytes.length < ALONE_BYTES;
    if (!this.#waits) {
      this.#waits = true;
      this.#from = from;
      piece.holders += 1;
    }
    this.#until = from + bytes.length;
    if (isAlone) this.send();
    else if (!this.#isDue) {
      this.#isDue = true;
      setImmediate(this.#due);
    }
  }

  readonly #due = (): void => {
    this.#isDue = false;
    this.send();
  };

  /** Writes what waits. Harmless if nothing does, or nobody takes it. */
  send(): void {
    if (!this.#waits) return;
    this.#waits = false;
    const { piece } = this.#intake;
    if (this.#to.writable) this.#write(piece.bytes.subarray(this.#from, this.#until), piece.release);
    else piece.release();
  }

  #write(bytes: Buffer, done?: Piece["release"]): void {
    if (!this.#to.write(bytes, done) && this.#to.writableLength >= UP_BACKLOG_BYTES) this.#isHeldUp = true;
  }

  /** BuildKit has taken all. */
  drained(): void {
    this.#isHeldUp = false;
  }

  /** Nothing is read any more, by nobody. */
  close(): void {
    this.send();
    this.#intake.piece.letGo();
  }
}

/** From BuildKit to the client. */
export class Downward {
  /** So many came, and were passed. */
  bytes = 0;
  readonly #intake = new Intake();
  readonly #to: Taker;
  readonly #pass: Pass;
  readonly #goOn: () => void;
  /** By each write that is not done, in their order. */
  readonly #lent: Piece[] = [];
  #isHeldUp = false;

  /** @param goOn is called when BuildKit may be read again. */
  constructor(to: Taker, pass: Pass, goOn: () => void) {
    this.#to = to;
    this.#pass = pass;
    this.#goOn = goOn;
  }

  readonly room = (): Buffer => this.#intake.room();

  /** False: the client has enough to take. */
  readonly took = (count: number): boolean => {
    this.bytes += count;
    this.#pass(this.#intake.took(count));
    this.#isHeldUp = this.#to.writableLength >= DOWN_BACKLOG_BYTES;
    return !this.#isHeldUp;
  };

  /** Writes what came, or what lies elsewhere. */
  add(bytes: Buffer): void {
    if (!this.#intake.holds(bytes)) {
      this.#to.write(bytes);
      return;
    }
    const { piece } = this.#intake;
    piece.holders += 1;
    this.#lent.push(piece);
    this.#to.write(bytes, this.#done);
  }

  readonly #done = (failure?: Error | null): void => {
    this.#lent.shift()?.release(failure);
    if (!this.#isHeldUp || this.#to.writableLength >= DOWN_BACKLOG_BYTES) return;
    this.#isHeldUp = false;
    this.#goOn();
  };

  close(): void {
    this.#intake.piece.letGo();
  }
}
