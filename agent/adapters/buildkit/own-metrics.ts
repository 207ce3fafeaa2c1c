import { takenMetrics } from "./taken-metrics.ts";

/** A scrape waits no longer for a page: what comes later is for the next one. */
const WAIT_MS = 50;
const PAGE_MS = 2_000;
/** Under a full load a page comes late, and the one before it is still true enough. */
const FRESH_MS = 60_000;

/** How a page is had. */
export type MetricsPage = (signal: AbortSignal) => Promise<string>;

/**
 * BuildKit's own metrics for each scrape: those that it gives at once, or the last that came, for a
 * minute. One that is gone, or gives none for so long, has no series.
 */
export class OwnMetrics {
  readonly #page: MetricsPage;
  readonly #nowMs: () => number;
  #last: { readonly text: string; readonly atMs: number } | undefined;
  #asking: Promise<void> | undefined;

  /** `nowMs`: monotonic. */
  constructor(page: MetricsPage, nowMs: () => number = () => performance.now()) {
    this.#page = page;
    this.#nowMs = nowMs;
  }

  /** In Prometheus' text form, with whether they could be had. Never rejects. */
  async text(): Promise<string> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    await atMost(WAIT_MS, this.#asking);
    const last = this.#last;
    const isFresh = last !== undefined && this.#nowMs() - last.atMs < FRESH_MS;
    return `${SCRAPE_OK} ${isFresh ? 1 : 0}\n${isFresh ? last.text : ""}`;
  }

  async #ask(): Promise<void> {
    const over = new AbortController();
    const limit = setTimeout(() => over.abort(), PAGE_MS);
    try {
      const text = takenMetrics(await this.#page(over.signal));
      this.#last = { text, atMs: this.#nowMs() };
    } catch {
      // One that is gone has no series; one that is only late keeps them while they are fresh.
      if (!over.signal.aborted) this.#last = undefined;
    } finally {
      clearTimeout(limit);
    }
  }
}

const SCRAPE_OK = [
  "# HELP builder_agent_buildkit_scrape_ok Whether BuildKit's own metrics could be had: those that begin with buildkit_.",
  "# TYPE builder_agent_buildkit_scrape_ok gauge",
  "builder_agent_buildkit_scrape_ok",
].join("\n");

async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
