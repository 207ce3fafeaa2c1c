import { Queue } from "../lifecycle/queue.ts";
import type { Channel } from "./channel.ts";

/**
 * What comes over channels, in order, for one reader. A reader that falls behind stops the reading
 * of the channel: the far end waits then, and our memory does not grow.
 */
export class Inbox<T> {
  readonly #most: number;
  readonly #queue = new Queue<T>();
  readonly #paused = new Set<Pick<Channel, "resume">>();

  /** @param most as many may wait; what had been read with the last of them is taken beyond it. */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * @param from whoever waits if this is one too many. Absent: what is said of a channel itself.
   */
  push(item: T, from?: Pick<Channel, "pause" | "resume">): void {
    this.#queue.push(item);
    if (from === undefined || this.#queue.size < this.#most) return;
    from.pause();
    this.#paused.add(from);
  }

  /** The reader gets what is left, then the end. */
  close(): void {
    this.#queue.close();
  }

  async *drain(signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    for await (const item of this.#queue.drain(signal)) {
      if (this.#queue.size <= this.#most / 2) this.#resume();
      yield item;
    }
  }

  #resume(): void {
    for (const channel of this.#paused) channel.resume();
    this.#paused.clear();
  }
}
