import { setTimeout as sleep } from "node:timers/promises";

const LOOK_EVERY_MS = 25;

/** Kills a process whenever there is one, until it is let be. */
export class KeptAway {
  readonly #pid: () => Promise<number | undefined>;
  readonly #over = new AbortController();
  #killing: Promise<void> | undefined;

  constructor(pid: () => Promise<number | undefined>) {
    this.#pid = pid;
  }

  begin(): void {
    this.#killing = this.#kill();
  }

  async letBe(): Promise<void> {
    this.#over.abort();
    await this.#killing;
  }

  async #kill(): Promise<void> {
    while (!this.#over.signal.aborted) {
      const pid = await this.#pid();
      try {
        if (pid !== undefined && Number.isSafeInteger(pid)) process.kill(pid, "SIGKILL");
      } catch {
        // It is gone already.
      }
      await sleep(LOOK_EVERY_MS);
    }
  }
}
