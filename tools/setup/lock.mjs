import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { withDeadline } from "./deadline.mjs";
import { EX_UNAVAILABLE, SetupFailed } from "./failure.mjs";
import { say } from "./progress.mjs";

const WAIT_MAX_MS = 45 * 60_000;
const SAY_WAITING_AFTER_MS = 1000;

/**
 * Runs `work` while no other set-up holds `file`. The kernel frees a flock when its holder ends,
 * however it ends, so there is no stale lock to judge: `cat` holds it until our end of its standard
 * input closes.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, work) {
  mkdirSync(dirname(file), { recursive: true });
  const holder = spawn("flock", [file, "sh", "-c", "echo held && exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const waiting = setTimeout(() => say("another set-up is at work here; waiting for it …"), SAY_WAITING_AFTER_MS);
  try {
    await withDeadline(WAIT_MAX_MS, failedToStart(holder), (signal) => once(holder.stdout, "data", { signal }));
    clearTimeout(waiting);
    return await work();
  } catch (cause) {
    if (cause instanceof SetupFailed || !(cause instanceof Error) || cause.name !== "AbortError") throw cause;
    throw new SetupFailed(`the lock ${file} was not to be had`, {
      advice: "install util-linux, which has the command flock, or end the other set-up",
      exitCode: EX_UNAVAILABLE,
      cause,
    });
  } finally {
    clearTimeout(waiting);
    holder.stdin.end();
    release(holder);
  }
}

/**
 * At once: whoever goes on may block this process for minutes, and the end of the input would not
 * be sent before. `cat` is of flock's group.
 * @param {import("node:child_process").ChildProcess} holder
 */
function release({ pid }) {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGTERM");
  } catch {
    // It is gone already.
  }
}

/** @param {import("node:child_process").ChildProcess} holder */
function failedToStart(holder) {
  const controller = new AbortController();
  holder.once("error", (cause) => controller.abort(cause));
  holder.once("exit", () => controller.abort());
  return controller.signal;
}
