import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { SetupFailed } from "./failure.mjs";

const FIRST_LINES = 12;
const LAST_LINES = 20;
const KILL_AFTER_MS = 5000;

/**
 * @typedef {object} Child
 * @property {string} what What it does, for the failure's message: "npm ci".
 * @property {string} command
 * @property {readonly string[]} args
 * @property {number} deadlineMs
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env] Added to ours.
 * @property {string} [advice] What a person can do when it fails.
 * @property {(line: string) => void} [onLine] Hears each line of its standard output as it comes.
 */

/**
 * Runs a program to its end. @returns {Promise<string>} Its standard output. @throws {SetupFailed}
 * With its first and last lines.
 * @param {Child} child
 */
export function run({ what, command, args, deadlineMs, cwd, env, advice = "", onLine }) {
  return new Promise((resolve, reject) => {
    // A process group of its own, so that nothing it started outlives the deadline or our own end.
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let both = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
      both += chunk;
    });
    child.stderr.on("data", (chunk) => (both += chunk));
    if (onLine) createInterface({ input: child.stdout }).on("line", onLine);

    let late = false;
    const deadline = setTimeout(() => {
      late = true;
      killGroup(child, "SIGTERM");
      setTimeout(() => killGroup(child, "SIGKILL"), KILL_AFTER_MS).unref();
    }, deadlineMs);
    const interrupted = () => {
      killGroup(child, "SIGTERM");
      process.exit(130);
    };
    process.on("SIGINT", interrupted).on("SIGTERM", interrupted);

    /** @param {string} why @param {unknown} [cause] */
    const failed = (why, cause) => new SetupFailed(`${what} ${why}`, { advice, output: abridged(both), cause });
    const settle = () => {
      clearTimeout(deadline);
      process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    };
    child.on("error", (cause) => {
      settle();
      reject(failed(`could not be started (${command}: ${cause.message})`, cause));
    });
    child.on("close", (code, signal) => {
      settle();
      if (late) reject(failed(`took longer than ${deadlineMs / 1000} s and was stopped`));
      else if (code === 0) resolve(stdout);
      else reject(failed(signal ? `was ended by ${signal}` : `failed with exit code ${code}`));
    });
  });
}

/** Some programs say what is wrong first, some last. @param {string} output */
function abridged(output) {
  const lines = output.trimEnd().split("\n");
  if (lines.length <= FIRST_LINES + LAST_LINES) return lines.join("\n");
  return [...lines.slice(0, FIRST_LINES), "…", ...lines.slice(-LAST_LINES)].join("\n");
}

/** @param {import("node:child_process").ChildProcess} child @param {NodeJS.Signals} signal */
function killGroup(child, signal) {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // It is gone already.
  }
}
