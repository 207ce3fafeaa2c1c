import { Cell } from "../../lifecycle/cell.ts";
import type { RecordedEvent } from "../../ports/records.ts";

/** More than a gateway remembers (100,000 closed sessions), and than it can have open. */
const MOST_EVENTS = 120_000;

/**
 * What the gateway told of its sessions and is not on disk yet. Putting never waits. A hello holds
 * all that its gateway still remembers, so it takes the place of what the same gateway told before:
 * repeats on a disk that refuses for hours do not add up.
 */
export class SessionInbox {
  #events: RecordedEvent[] = [];
  /** How many events are not on disk. */
  readonly #waiting = new Cell(0);
  #dropped = 0;

  /**
   * Events that found no room, oldest first: their gateways never heard that they are kept, and
   * tell them again.
   */
  get dropped(): number {
    return this.#dropped;
  }

  put(event: RecordedEvent): void {
    if (event.event.is === "hello") this.#events = this.#events.filter((other) => other.runId !== event.runId);
    this.#events.push(event);
    if (this.#events.length > MOST_EVENTS) {
      this.#events.shift();
      this.#dropped += 1;
    }
    this.#waiting.set(this.#events.length);
  }

  /**
   * The oldest events, at most `limit`, once there are any; they stay until they are done. Empty
   * when `signal` is aborted.
   */
  async next(limit: number, signal: AbortSignal): Promise<readonly RecordedEvent[]> {
    await this.#waiting.first((count) => count > 0, signal);
    return signal.aborted ? [] : this.#events.slice(0, limit);
  }

  done(batch: readonly RecordedEvent[]): void {
    const isDone = new Set(batch);
    this.#events = this.#events.filter((event) => !isDone.has(event));
    this.#waiting.set(this.#events.length);
  }

  /** Resolves once everything is on disk, or `signal` is aborted. */
  async empty(signal: AbortSignal): Promise<void> {
    await this.#waiting.first((count) => count === 0, signal);
  }
}
