import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** For vite to start and follow the imports of all tests. */
const OPEN_DEADLINE_MS = 300_000;

/** Thrown where a session gave no answer in time, and was ended with all its children. */
export class TooLate extends Error {}

/** A session process, started when it is asked and again after it had to be ended. */
export class Session {
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #child;
  #opening;

  /** @param {import("./session.mjs").Opening} opening */
  constructor(opening) {
    this.#opening = opening;
  }

  /**
   * @param {import("./session.mjs").Order} order @param {number} deadlineMs
   * @returns {Promise<string>} The answer, as JSON. @throws {TooLate}
   */
  async ask(order, deadlineMs) {
    this.#child ??= await this.#start();
    return this.#answer(this.#child, order, deadlineMs);
  }

  async #start() {
    // A process group of its own: a mutant may have started anything.
    const child = fork(join(this.#opening.root, "tools/mutate/session.mjs"), {
      detached: true,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      serialization: "json",
    });
    await this.#answer(child, this.#opening, OPEN_DEADLINE_MS);
    return child;
  }

  /**
   * @param {import("node:child_process").ChildProcess} child @param {object} message @param
   *   {number} deadlineMs @returns {Promise<string>}
   */
  async #answer(child, message, deadlineMs) {
    const over = new AbortController();
    const deadline = setTimeout(() => over.abort(), deadlineMs);
    const { signal } = over;
    try {
      const answered = once(child, "message", { signal });
      const gone = once(child, "exit", { signal }).then(() => Promise.reject(new TooLate("the session ended")));
      child.send(message);
      const [answer] = /** @type {unknown[]} */ (await Promise.race([answered, gone]));
      return String(answer);
    } catch (cause) {
      await this.#end(child);
      throw new TooLate(`no answer within ${deadlineMs} ms`, { cause });
    } finally {
      clearTimeout(deadline);
      over.abort();
    }
  }

  /** @param {import("node:child_process").ChildProcess} child */
  async #end(child) {
    this.#child = undefined;
    const { pid, exitCode, signalCode } = child;
    if (pid === undefined) return;
    const ended = exitCode === null && signalCode === null ? once(child, "exit") : undefined;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // The whole group is gone already.
    }
    await ended;
  }

  async [Symbol.asyncDispose]() {
    if (this.#child) await this.#end(this.#child);
  }
}
