import type { SessionSummary } from "../core/session.ts";

/** As many as wait for control's acknowledgement: hours of a busy machine, some 50 MB. */
const MOST_RECORDS = 100_000;

/** Records of closed sessions until control has them on disk. Full, it drops the oldest. */
export class Records {
  dropped = 0;
  readonly #most: number;
  readonly #records = new Map<string, SessionSummary>();

  constructor(most = MOST_RECORDS) {
    this.#most = most;
  }

  get waiting(): number {
    return this.#records.size;
  }

  get all(): readonly SessionSummary[] {
    return [...this.#records.values()];
  }

  add(summary: SessionSummary): void {
    this.#records.set(summary.sessionId, summary);
    if (this.#records.size <= this.#most) return;
    const [oldest] = this.#records.keys();
    if (oldest !== undefined) this.#records.delete(oldest);
    this.dropped += 1;
  }

  acknowledge(sessionIds: readonly string[]): void {
    for (const id of sessionIds) this.#records.delete(id);
  }
}
