import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { BenchFailed } from "../../failure.ts";
import type { FromCrew, News, ToCrew } from "./words.ts";

/** Hundreds of machines end in order: each closes its cache and tells its control plane. */
const END_GRACE_MS = 60_000;
const TERM_GRACE_MS = 10_000;

/** One process with many machines. It is ended by its own id when it is disposed of. */
export class Crew implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #onNews: (news: News) => void;
  #isUp = false;
  #isEnding = false;

  private constructor(child: ChildProcess, onNews: (news: News) => void, onLost: (failure: BenchFailed) => void) {
    this.#process = child;
    this.#onNews = onNews;
    this.#ended = new Promise((resolve) => child.once("exit", () => resolve()));
    child.on("message", (words: FromCrew) => this.#hear(words));
    child.once("exit", (code, signal) => {
      if (!this.#isEnding) onLost(new BenchFailed(`A process of machines ended with ${signal ?? `code ${code}`}.`));
    });
  }

  /** @param onLost is told if it ends before it is disposed of. @throws {BenchFailed} */
  static async start(
    onNews: (news: News) => void,
    onLost: (failure: BenchFailed) => void,
    signal: AbortSignal,
  ): Promise<Crew> {
    const child = fork(fileURLToPath(new URL("program.js", import.meta.url)), {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const crew = new Crew(child, onNews, onLost);
    while (!crew.#isUp) await once(child, "message", { signal });
    return crew;
  }

  get pid(): number {
    return this.#process.pid ?? Number.NaN;
  }

  tell(words: ToCrew): void {
    if (this.#process.connected) this.#process.send(words);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.tell({ is: "end" });
    const late = setTimeout(() => this.#process.kill("SIGTERM"), END_GRACE_MS);
    const last = setTimeout(() => this.#process.kill("SIGKILL"), END_GRACE_MS + TERM_GRACE_MS);
    await this.#ended;
    clearTimeout(late);
    clearTimeout(last);
  }

  #hear(words: FromCrew): void {
    if (words.is === "up") this.#isUp = true;
    else this.#onNews(words);
  }
}
