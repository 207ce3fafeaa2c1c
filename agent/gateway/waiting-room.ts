import type { Clock } from "../ports/clock.ts";

/**
 * How old a gateway is when nobody may wait any longer for its certificate. It comes half a second
 * after the start; on a machine that is very busy after 2.5 s, once after 8.6
 * (docs/reliability.md). A client waits no longer than a handshake may take anyway.
 */
const OPEN_FOR_MS = 10_000;

interface Socketed {
  readonly raw: { once(event: "close", listener: () => void): unknown };
}

/**
 * Clients that came while a young gateway had no certificate to show. It bounds how long they wait;
 * how many there are is the crowd's business, to which they are pending handshakes.
 */
export class WaitingRoom<Visitor extends Socketed> {
  readonly #endsAtMs: number;
  readonly #clock: Clock;
  readonly #tooLate: (visitor: Visitor) => void;
  readonly #waiting = new Set<Visitor>();
  #timer: NodeJS.Timeout | undefined;

  /** @param startedMonoMs The gateway's start. @param tooLate No certificate came in time. */
  constructor(startedMonoMs: number, clock: Clock, tooLate: (visitor: Visitor) => void) {
    this.#endsAtMs = startedMonoMs + OPEN_FOR_MS;
    this.#clock = clock;
    this.#tooLate = tooLate;
  }

  get size(): number {
    return this.#waiting.size;
  }

  has(visitor: Visitor): boolean {
    return this.#waiting.has(visitor);
  }

  /** False: the gateway is too old for that. */
  enter(visitor: Visitor): boolean {
    const leftMs = this.#endsAtMs - this.#clock.now().monoMs;
    if (leftMs <= 0) return false;
    this.#waiting.add(visitor);
    visitor.raw.once("close", () => this.#waiting.delete(visitor));
    this.#timer ??= setTimeout(() => this.#end(), leftMs);
    return true;
  }

  /** Nobody waits any longer: there is a certificate, or the gateway ends. */
  close(): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  #end(): void {
    const late = [...this.#waiting];
    this.close();
    for (const visitor of late) this.#tooLate(visitor);
  }
}
