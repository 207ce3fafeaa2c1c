interface Bucket {
  readonly tokens: number;
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
  readonly #buckets = new Map<string, Bucket>();

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** Whether it may open one now. */
  take(buildId: string, monoMs: number): boolean {
    this.#forgetFull(monoMs);
    const bucket = this.#buckets.get(buildId);
    const tokens = bucket === undefined ? this.#perMinute : this.#tokensAt(bucket, monoMs);
    const may = tokens >= 1;
    this.#buckets.delete(buildId);
    this.#buckets.set(buildId, { tokens: may ? tokens - 1 : tokens, atMs: monoMs });
    return may;
  }

  /** What nobody has used for a minute is full, and says nothing. */
  #forgetFull(monoMs: number): void {
    for (const [buildId, bucket] of this.#buckets) {
      if (monoMs - bucket.atMs < MINUTE_MS) return;
      this.#buckets.delete(buildId);
    }
  }

  #tokensAt({ tokens, atMs }: Bucket, monoMs: number): number {
    return Math.min(this.#perMinute, tokens + ((monoMs - atMs) / MINUTE_MS) * this.#perMinute);
  }
}
