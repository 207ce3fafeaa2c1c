import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../ports/log.ts";
import type { OwnUnit } from "../../ports/own-unit.ts";
import { type NotifyChannel, notifyChannel } from "./notify-channel.ts";

/** While ending: how much more time is asked for, and how often. Three may be lost. */
const PATIENCE_MS = 40_000;
const PATIENCE_EVERY_MS = 10_000;
const STATUS_MAX_CHARS = 300;
/** A status follows another after this time at the earliest; those in between are skipped. */
const STATUS_GAP_MS = 2_000;
/** What a busy manager did not take is sent again. Signs of life wait behind it. */
const AGAIN = { firstMs: 1_000, mostMs: 5_000 } as const;
/** Sent again anyway, each at its own pace. */
const REPEATED: readonly string[] = ["WATCHDOG", "EXTEND_TIMEOUT_USEC"];

/**
 * Tells systemd of this process. Where the manager asked for signs of life they are sent at a third
 * of its limit, from this process's event loop: one that hangs sends none. Sends nothing where
 * nobody listens, and the same status only once; a failure is logged once. Dispose it when the
 * process ends.
 */
export class SystemdNotify implements OwnUnit, Disposable {
  readonly #channel: NotifyChannel | undefined;
  readonly #log: Log;
  readonly #over = new AbortController();
  readonly #timers: NodeJS.Timeout[] = [];
  /** Until the first of them. */
  #watchdogEveryMs: number | undefined;
  /** What waits to be sent: the newest of each kind. */
  readonly #waiting = new Map<string, string>();
  /** What `tell` was last given, and what of it was sent. */
  #status: string | undefined;
  #statusSent: string | undefined;
  #statusGap: NodeJS.Timeout | undefined;
  #sending = false;
  #isEnding = false;
  #complained = false;
  /** In a row. */
  #failures = 0;

  constructor(options: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly pid: number;
    readonly log: Log;
    /**
     * Another process of the unit serves until this one is ready, and its are the signs of life
     * until then.
     */
    readonly succeeds?: boolean;
  }) {
    const { environment, pid, log, succeeds = false } = options;
    this.#channel = notifyChannel(environment);
    this.#log = log;
    this.#watchdogEveryMs = watchdogEveryMs(environment, pid);
    if (!succeeds) this.#live();
  }

  ready(): void {
    this.#live();
    this.#say("READY", "1");
  }

  tell(status: string): void {
    this.#status = status.replaceAll(/[\p{Cc}\s]+/gu, " ").slice(0, STATUS_MAX_CHARS);
    if (this.#statusGap === undefined) this.#sayStatus();
  }

  replaced(): void {
    this[Symbol.dispose]();
  }

  stopping(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#say("STOPPING", "1");
    this.#repeat(PATIENCE_EVERY_MS, "EXTEND_TIMEOUT_USEC", String(PATIENCE_MS * 1_000));
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#statusGap);
    this.#over.abort();
  }

  /** Signs of life, from now on. */
  #live(): void {
    const everyMs = this.#watchdogEveryMs;
    this.#watchdogEveryMs = undefined;
    if (everyMs !== undefined) this.#repeat(everyMs, "WATCHDOG", "1");
  }

  #sayStatus(): void {
    this.#statusGap = undefined;
    if (this.#status === undefined || this.#status === this.#statusSent) return;
    this.#statusSent = this.#status;
    this.#say("STATUS", this.#status);
    this.#statusGap = setTimeout(() => this.#sayStatus(), STATUS_GAP_MS).unref();
  }

  #repeat(everyMs: number, name: string, value: string): void {
    this.#say(name, value);
    this.#timers.push(setInterval(() => this.#say(name, value), everyMs).unref());
  }

  #say(name: string, value: string): void {
    if (this.#channel === undefined || this.#over.signal.aborted) return;
    this.#waiting.set(name, value);
    if (!this.#sending) void this.#send(this.#channel);
  }

  /** One after the other, so that the manager hears them in order. */
  async #send(channel: NotifyChannel): Promise<void> {
    this.#sending = true;
    const { signal } = this.#over;
    while (this.#waiting.size > 0 && !signal.aborted) {
      const said = [...this.#waiting];
      this.#waiting.clear();
      try {
        await channel.send(
          said.map(([name, value]) => `${name}=${value}`),
          signal,
        );
        this.#failures = 0;
      } catch (err) {
        if (signal.aborted) break;
        this.#complain(err);
        await this.#sayAgain(said, signal);
      }
    }
    this.#sending = false;
  }

  /** What has not been overtaken by something newer. */
  async #sayAgain(said: readonly (readonly [string, string])[], signal: AbortSignal): Promise<void> {
    const delayMs = Math.min(AGAIN.mostMs, AGAIN.firstMs * 2 ** this.#failures);
    this.#failures += 1;
    await sleep(delayMs, undefined, { signal, ref: false }).catch(() => undefined);
    for (const [name, value] of said)
      if (!REPEATED.includes(name) && !this.#waiting.has(name)) this.#waiting.set(name, value);
  }

  #complain(err: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#log.warn({ err }, "service.not-notified");
  }
}

/** A third of the limit, if the manager watches this very process (sd_watchdog_enabled(3)). */
export function watchdogEveryMs(
  { WATCHDOG_USEC: limit, WATCHDOG_PID: watched }: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  if (limit === undefined || !/^[1-9]\d*$/.test(limit)) return undefined;
  if (watched !== undefined && watched !== String(pid)) return undefined;
  return Math.max(1, Math.floor(Number(limit) / 3_000));
}
