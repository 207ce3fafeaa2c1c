import { Deadline } from "../deadline.ts";

/** What was waited for did not come within the time. */
export class WaitedInVain extends Error {
  constructor(what: string, deadlineMs: number) {
    super(`Waited ${deadlineMs} ms for ${what}.`);
    this.name = "WaitedInVain";
  }
}

/** Tells those who wait that something has changed, whatever it was: they look again. */
export class Changes {
  readonly #listeners = new Set<() => void>();

  notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /**
   * Waits until `probe` gives something other than undefined or false, looking at once and after
   * each change. `what` completes "Waited 500 ms for …".
   * @throws {WaitedInVain} at the deadline; the signal's reason when it is aborted.
   */
  async until<T>(
    probe: () => T | undefined | false,
    wait: { readonly what: () => string; readonly deadlineMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<T> {
    using deadline = new Deadline(wait.deadlineMs, ...(wait.signal === undefined ? [] : [wait.signal]));
    for (;;) {
      const found = probe();
      if (found !== undefined && found !== false) return found;
      wait.signal?.throwIfAborted();
      if (deadline.hasExpired) throw new WaitedInVain(wait.what(), wait.deadlineMs);
      await this.#next(deadline.signal);
    }
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#listeners.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#listeners.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}
