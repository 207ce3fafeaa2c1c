import { LeakyBucket } from "./leaky-bucket.ts";

/**
 * What a control plane may say at once, in messages, and in a second after that. An honest one says
 * a few a second: but one that tells each opening and each end of short builds apart must not find
 * a revocation behind a queue of our making.
 */
const AT_ONCE = 1_000;
export const MESSAGES_A_SECOND = 200;

/**
 * A message that takes longer to read counts for more: one of 4,096 builds takes some 50 ms. So no
 * more than a tenth of the time is spent on reading, whatever comes.
 */
const READ_MS_OF_ONE = 0.5;

/** The longest pause: who pauses hears of the stream's end after it. */
const PAUSE_MAX_MS = 1_000;

/** How fast messages are taken: who says more waits to be read, by the flow control of HTTP/2. */
export class MessagePace {
  readonly #messages = new LeakyBucket({ holds: AT_ONCE, leaksPerMs: MESSAGES_A_SECOND / 1_000 });

  /** One more was taken; in how many ms the next one may be. @param readMs what it took to read */
  pauseMs(readMs: number, nowMonoMs: number): number {
    return this.#messages.overflowMs(1 + readMs / READ_MS_OF_ONE, nowMonoMs, PAUSE_MAX_MS);
  }
}
