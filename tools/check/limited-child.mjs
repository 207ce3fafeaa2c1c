import { spawn } from "node:child_process";
import { interrupted } from "./interruption.mjs";

/** From being asked to end to being made to. Whoever is asked ends what it has started itself. */
const KILL_AFTER_MS = 30_000;

/**
 * @typedef {object} LimitedChild
 * @property {string} command
 * @property {readonly string[]} args
 * @property {string} cwd
 * @property {NodeJS.ProcessEnv} env The whole of it.
 * @property {number} limitMs
 * @property {(chunk: Buffer) => void} [onOutput] Hears its standard output, which is shown all the
 * same.
 */

/**
 * @typedef {{ code: number | null, cutBy: "" | "limit" | "signal" }} End How it ended, and whether
 * we had to end it.
 */

/**
 * Runs a program to its end, its limit, or the end of this run. @param {LimitedChild} child
 * @returns {Promise<End>}
 */
export function runLimited({ command, args, cwd, env, limitMs, onOutput }) {
  return new Promise((resolve, reject) => {
    /** @type {End["cutBy"]} */
    let cutBy = "";
    const child = spawn(command, args, { cwd, env, stdio: ["inherit", onOutput ? "pipe" : "inherit", "inherit"] });
    child.stdout?.on("data", (/** @type {Buffer} */ chunk) => {
      process.stdout.write(chunk);
      onOutput?.(chunk);
    });
    /** @type {NodeJS.Timeout | undefined} */
    let killing;
    /** @param {"limit" | "signal"} why */
    const end = (why) => {
      if (cutBy) return;
      cutBy = why;
      child.kill("SIGTERM");
      killing = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
    };
    const onInterrupted = () => end("signal");
    const limit = setTimeout(() => end("limit"), limitMs);
    interrupted.addEventListener("abort", onInterrupted);
    if (interrupted.aborted) onInterrupted();
    const settle = () => {
      clearTimeout(limit);
      clearTimeout(killing);
      interrupted.removeEventListener("abort", onInterrupted);
    };
    child.once("error", (cause) => {
      settle();
      reject(cause);
    });
    child.once("close", (code) => {
      settle();
      resolve({ code, cutBy });
    });
  });
}
