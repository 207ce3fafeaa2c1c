/** What one write to BuildKit takes at most: four TLS records. */
const PIECE_BYTES = 64 * 1024;

/**
 * Less is not worth waiting for company: it is a message of its own, and somebody waits for the
 * answer.
 */
const ALONE_BYTES = 1024;

/**
 * Pieces that no write holds any more, for all sessions: as many as were ever written at the same
 * moment, at most.
 */
const spare: Buffer[] = [];
const MOST_SPARE = 16;

/** A socket, as far as it matters here. It holds what it was given until `done`. */
interface Taker {
  readonly writable: boolean;
  write(bytes: Uint8Array, done?: () => void): boolean;
}

/**
 * Puts the records that came in one turn of the event loop together, so that BuildKit is woken once
 * for them and not for each. They are copied: that costs less than a system call each, and lets the
 * buffers that Node made for them die young.
 */
export class Gather {
  readonly #to: Taker;
  #piece: Buffer | undefined;
  #filled = 0;

  constructor(to: Taker) {
    this.#to = to;
  }

  add(record: Buffer): void {
    for (let from = 0; from < record.length; from += PIECE_BYTES)
      this.#add(record.length > PIECE_BYTES ? record.subarray(from, from + PIECE_BYTES) : record);
  }

  #add(record: Buffer): void {
    if (this.#piece === undefined && record.length < ALONE_BYTES) {
      this.#to.write(record);
      return;
    }
    if (this.#filled + record.length > PIECE_BYTES) this.send();
    if (this.#piece === undefined) {
      this.#piece = spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
      setImmediate(this.send);
    }
    record.copy(this.#piece, this.#filled);
    this.#filled += record.length;
  }

  /** Writes what has been gathered. Harmless if there is nothing, or nobody to write to. */
  readonly send = (): void => {
    const piece = this.#piece;
    if (piece === undefined) return;
    const filled = piece.subarray(0, this.#filled);
    this.#piece = undefined;
    this.#filled = 0;
    if (this.#to.writable) this.#to.write(filled, () => giveBack(piece));
    else giveBack(piece);
  };
}

function giveBack(piece: Buffer): void {
  if (spare.length < MOST_SPARE) spare.push(piece);
}
