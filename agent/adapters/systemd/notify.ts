import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../../core/errors.ts";
import type { Log } from "../../ports/log.ts";
import type { OwnUnit } from "../../ports/own-unit.ts";
import { runProgram } from "./run-program.ts";

/** Beyond the 5 s for which systemd-notify waits until the manager has read it. */
const DEADLINE_MS = 8_000;
/** While ending: how much more time is asked for, and how often. Three may be lost. */
const PATIENCE_MS = 40_000;
const PATIENCE_EVERY_MS = 10_000;
const STATUS_MAX_CHARS = 300;
/** A manager that is busy with a boot may need longer than systemd-notify waits: what it did not confirm is said again. Signs of life wait behind it. */
const AGAIN = { firstMs: 1_000, mostMs: 5_000 } as const;
/** Said again anyway, each at its own pace. */
const REPEATED: readonly string[] = ["WATCHDOG", "EXTEND_TIMEOUT_USEC"];

/**
 * Tells systemd of this process, by `systemd-notify` (Node has no datagram sockets): its units say NotifyAccess=all. Where the manager asked for signs
 * of life they are sent at a third of its limit, from this process's event loop: one that hangs sends none. Says nothing where nobody listens; what
 * cannot be said is logged once. Dispose it when the process ends.
 */
export class SystemdNotify implements OwnUnit, Disposable {
  readonly #socket: string | undefined;
  readonly #log: Log;
  readonly #over = new AbortController();
  readonly #timers: NodeJS.Timeout[] = [];
  /** What waits to be said: the newest of each kind. */
  readonly #waiting = new Map<string, string>();
  #speaking = false;
  #isEnding = false;
  #complained = false;
  /** In a row. */
  #failures = 0;

  constructor(options: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly pid: number;
    readonly log: Log;
  }) {
    const { environment, pid, log } = options;
    this.#socket = environment["NOTIFY_SOCKET"] || undefined;
    this.#log = log;
    const everyMs = watchdogEveryMs(environment, pid);
    if (this.#socket !== undefined && everyMs !== undefined) this.#repeat(everyMs, "WATCHDOG", "1");
  }

  ready(): void {
    this.#say("READY", "1");
  }

  tell(status: string): void {
    this.#say("STATUS", status.replaceAll(/[\p{Cc}\s]+/gu, " ").slice(0, STATUS_MAX_CHARS));
  }

  stopping(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#say("STOPPING", "1");
    this.#repeat(PATIENCE_EVERY_MS, "EXTEND_TIMEOUT_USEC", String(PATIENCE_MS * 1_000));
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#over.abort();
  }

  #repeat(everyMs: number, name: string, value: string): void {
    this.#say(name, value);
    this.#timers.push(setInterval(() => this.#say(name, value), everyMs).unref());
  }

  #say(name: string, value: string): void {
    if (this.#socket === undefined || this.#over.signal.aborted) return;
    this.#waiting.set(name, value);
    if (!this.#speaking) void this.#speak(this.#socket);
  }

  /** One after the other, so that the manager hears them in order. */
  async #speak(socket: string): Promise<void> {
    this.#speaking = true;
    const { signal } = this.#over;
    while (this.#waiting.size > 0 && !signal.aborted) {
      const said = [...this.#waiting];
      const words = said.map(([name, value]) => `${name}=${value}`);
      this.#waiting.clear();
      try {
        const env = { NOTIFY_SOCKET: socket };
        const end = await runProgram("systemd-notify", words, { deadlineMs: DEADLINE_MS, signal, env });
        if (end.code === 0) {
          this.#failures = 0;
          continue;
        }
        this.#complain(end.stderr, end.cause);
        await this.#sayAgain(said, signal);
      } catch (err) {
        if (!signal.aborted) this.#complain("", err);
      }
    }
    this.#speaking = false;
  }

  /** What has not been overtaken by something newer. */
  async #sayAgain(said: readonly (readonly [string, string])[], signal: AbortSignal): Promise<void> {
    const delayMs = Math.min(AGAIN.mostMs, AGAIN.firstMs * 2 ** this.#failures);
    this.#failures += 1;
    await sleep(delayMs, undefined, { signal, ref: false }).catch(() => undefined);
    for (const [name, value] of said)
      if (!REPEATED.includes(name) && !this.#waiting.has(name)) this.#waiting.set(name, value);
  }

  #complain(said: string, cause: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    const because = said.trim() === "" ? "" : `: ${said.trim()}`;
    const err = new AgentError("service.not-notified", `systemd-notify failed${because}`, { retryable: true, cause });
    this.#log.warn({ err }, "service.not-notified");
  }
}

/** A third of the limit, if the manager watches this very process (sd_watchdog_enabled(3)). */
function watchdogEveryMs(
  { WATCHDOG_USEC: limit, WATCHDOG_PID: watched }: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  if (limit === undefined || !/^[1-9]\d*$/.test(limit)) return undefined;
  if (watched !== undefined && watched !== String(pid)) return undefined;
  return Math.max(1, Math.floor(Number(limit) / 3_000));
}
