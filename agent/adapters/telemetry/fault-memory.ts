import { endedBy, type FaultPast, faultKey, noteFault, SOMEBODY_LOOKS } from "../../core/repeated-faults.ts";
import type { AnyLog, LogData } from "../../ports/log.ts";

/**
 * Far more than go wrong at a time. What was longest unheard of is forgotten first, and then told
 * as if it were new.
 */
const FAULTS_MAX = 200;

/** Which faults have had their line, so that one that is tried again and again fills no log. */
export class FaultMemory {
  /** The one that was heard of last stands last. */
  readonly #faults = new Map<string, { readonly event: string; readonly past: FaultPast }>();
  /** Of each event, the cause that its last line told. */
  readonly #lastTold = new Map<string, string>();

  /**
   * The data to tell; undefined where the line is one repetition of many. What has an `err` may be
   * a fault: a later line of the same says how often it came since the first (`count`) and since
   * when (`lastsMs`); the event that ends it says after how many failures and how long.
   */
  note(level: keyof AnyLog, event: string, data: LogData, nowMs: number): LogData | undefined {
    if ("err" in data && (level === "warn" || level === "error")) return this.#repeated(level, event, data, nowMs);
    if (event === SOMEBODY_LOOKS)
      for (const [key, { past, ...fault }] of this.#faults)
        this.#faults.set(key, { ...fault, past: { ...past, toldMs: Number.NEGATIVE_INFINITY } });
    const over = endedBy(event);
    return over.length === 0 ? data : this.#ended(over, data, nowMs);
  }

  #repeated(level: keyof AnyLog, event: string, data: LogData, nowMs: number): LogData | undefined {
    const key = faultKey(level, event, data);
    const { past, isTold } = noteFault(this.#faults.get(key)?.past, this.#lastTold.get(event) !== key, nowMs);
    this.#faults.delete(key);
    this.#faults.set(key, { event, past });
    const [oldest] = this.#faults.keys();
    if (this.#faults.size > FAULTS_MAX && oldest !== undefined) this.#faults.delete(oldest);
    if (!isTold) return undefined;
    this.#lastTold.set(event, key);
    return past.count === 1 ? data : { ...data, count: past.count, lastsMs: Math.round(nowMs - past.firstMs) };
  }

  #ended(events: readonly string[], data: LogData, nowMs: number): LogData {
    const over = [...this.#faults].filter(([, { event }]) => events.includes(event));
    if (over.length === 0) return data;
    for (const [key] of over) this.#faults.delete(key);
    const failures = over.reduce((sum, [, { past }]) => sum + past.count, 0);
    const firstMs = Math.min(...over.map(([, { past }]) => past.firstMs));
    return { ...data, failures, failedForMs: Math.round(nowMs - firstMs) };
  }
}
