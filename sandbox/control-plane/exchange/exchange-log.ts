import type { Provider } from "./trust.ts";

/**
 * What became of a request for an access token, and which builds came of one. For the operator
 * alone: it tells which list said no.
 */
export interface ExchangeEntry {
  readonly at: Date;
  /** The far end's address. */
  readonly source: string;
  /** "granted", or why not; "build-opened", or why not; "build-ended". */
  readonly code: string;
  /** A sentence without a word of any token; of a build its id first. */
  readonly reason: string;
  readonly trustIds: readonly string[];
  readonly job?: {
    readonly provider: Provider;
    readonly organizationId: string;
    readonly projectId: string;
    readonly ref: string | undefined;
  };
}

const ENTRIES_MAX = 200;

/** The newest of them, in memory. */
export class ExchangeLog {
  readonly #entries: ExchangeEntry[] = [];

  note(entry: ExchangeEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > ENTRIES_MAX) this.#entries.shift();
  }

  entries(): readonly ExchangeEntry[] {
    return this.#entries;
  }
}
