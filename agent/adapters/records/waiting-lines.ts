import type { Place } from "./journal.ts";

/** A record's line; the sequence is that of its boot. */
export interface WaitingLine extends Place {
  readonly sequence: number;
}

/** The journal's lines that nothing in memory stands for. */
export interface KeptLines {
  readonly waiting: WaitingLines;
  /** Sound, but of a newer release: kept as they are until it comes back. */
  readonly unknown: readonly Place[];
}

/**
 * How many forgotten lines may stand before the first waiting one, so that forgetting one line
 * costs no copying.
 */
const SLACK = 1_024;

/**
 * Where the records are that wait for an acknowledgement. The records themselves stay on disk: two
 * hundred thousand of them would be more than this process may hold.
 */
export class WaitingLines {
  readonly #boots = new Map<string, { lines: WaitingLine[]; first: number }>();
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(bootId: string, line: WaitingLine): void {
    const boot = this.#boots.get(bootId) ?? { lines: [], first: 0 };
    this.#boots.set(bootId, boot);
    boot.lines.push(line);
    this.#count += 1;
    this.#bytes += line.length;
  }

  /** Up to and including `sequence`. */
  forget(bootId: string, sequence: number): void {
    const boot = this.#boots.get(bootId);
    if (boot === undefined) return;
    for (let line = boot.lines[boot.first]; line !== undefined && line.sequence <= sequence; ) {
      this.#count -= 1;
      this.#bytes -= line.length;
      boot.first += 1;
      line = boot.lines[boot.first];
    }
    if (boot.first >= SLACK && boot.first * 2 >= boot.lines.length) {
      boot.lines.splice(0, boot.first);
      boot.first = 0;
    }
    this.#drop(bootId);
  }

  /** Oldest first. */
  *of(bootId: string): Generator<WaitingLine, void, undefined> {
    const boot = this.#boots.get(bootId);
    if (boot === undefined) return;
    for (let at = boot.first; at < boot.lines.length; at += 1) {
      const line = boot.lines[at];
      if (line !== undefined) yield line;
    }
  }

  #drop(bootId: string): void {
    const boot = this.#boots.get(bootId);
    if (boot !== undefined && boot.first === boot.lines.length) this.#boots.delete(bootId);
  }
}
