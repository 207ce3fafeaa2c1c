import type { Socket } from "node:net";

export interface Room {
  /** From here on, who has asked nothing for longer than `patienceMs` makes room. */
  readonly usual: number;
  /** From here on, who has asked nothing for longest does: a bound for memory. */
  readonly most: number;
  /** Longer than a question takes that comes right behind its connection. */
  readonly patienceMs: number;
}

/**
 * Who is connected, and who makes room for who comes: clients that say nothing, however many, only
 * ever displace each other.
 */
export class Guests {
  readonly #room: Room;
  readonly #nowMs: () => number;
  /** Since when each asks nothing: in that order. */
  readonly #silent = new Map<Socket, number>();
  readonly #asking = new Set<Socket>();

  constructor(room: Room, nowMs: () => number = () => performance.now()) {
    this.#room = room;
    this.#nowMs = nowMs;
  }

  enter(guest: Socket): void {
    this.#silent.set(guest, this.#nowMs());
    guest.once("close", () => {
      this.#silent.delete(guest);
      this.#asking.delete(guest);
    });
    for (const [longest, sinceMs] of this.#silent) {
      const count = this.#silent.size + this.#asking.size;
      const isOld = this.#nowMs() - sinceMs > this.#room.patienceMs;
      if (count <= (isOld ? this.#room.usual : this.#room.most)) return;
      this.#silent.delete(longest);
      longest.destroy();
    }
  }

  /** Until it is `answered` it keeps its place. */
  asks(guest: Socket): void {
    if (this.#silent.delete(guest)) this.#asking.add(guest);
  }

  answered(guest: Socket): void {
    if (this.#asking.delete(guest)) this.#silent.set(guest, this.#nowMs());
  }
}
