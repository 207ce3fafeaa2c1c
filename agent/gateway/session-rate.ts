import { LeakyBucket } from "../core/leaky-bucket.ts";

interface Opened {
  readonly sessions: LeakyBucket;
  readonly atMs: number;
}

const MINUTE_MS = 60_000;

/**
 * Bounds how fast each build opens sessions: every one is work for the gateway, two lines of the
 * log and a record on disk. As many as fit a minute may come at once; they come back one by one.
 */
export class SessionRate {
  readonly #perMinute: number;
  /** The one that was used longest ago first. */
  readonly #builds = new Map<string, Opened>();

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** Whether it may open one now. */
  take(buildId: string, monoMs: number): boolean {
    this.#forgetIdle(monoMs);
    const measure = { holds: this.#perMinute, leaksPerMs: this.#perMinute / MINUTE_MS };
    const sessions = this.#builds.get(buildId)?.sessions ?? new LeakyBucket(measure);
    this.#builds.delete(buildId);
    this.#builds.set(buildId, { sessions, atMs: monoMs });
    return sessions.takes(1, monoMs);
  }

  /** What nobody has used for a minute is empty, and says nothing. */
  #forgetIdle(monoMs: number): void {
    for (const [buildId, { atMs }] of this.#builds) {
      if (monoMs - atMs < MINUTE_MS) return;
      this.#builds.delete(buildId);
    }
  }
}
