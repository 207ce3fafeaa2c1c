import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const VANISH_DEADLINE_MS = 2_000;
const LOOK_EVERY_MS = 20;

/**
 * "net:[4026532287]": what a process's network is called in /proc for as long as it exists.
 * Undefined: that process is gone.
 */
export async function networkOf(pid: number): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/net`).catch(() => undefined);
}

/**
 * Proves that no process is left in a network; what is left after 2 s is killed, each by its id.
 * @throws {Error} naming what had to be killed.
 */
export async function proveEmpty(network: string, name: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < VANISH_DEADLINE_MS; waitedMs += LOOK_EVERY_MS) {
    if ((await inhabitants(network)).length === 0) return;
    await sleep(LOOK_EVERY_MS);
  }
  const left = await inhabitants(network);
  if (left.length === 0) return;
  const list = await Promise.all(left.map(async (pid) => `${pid} (${await commandLine(pid)})`));
  for (const pid of left) kill(pid);
  throw new Error(`Processes were left in the network ${name}, and were killed: ${list.join(", ")}`);
}

async function inhabitants(network: string): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  const networks = await Promise.all(pids.map(networkOf));
  return pids.filter((_, index) => networks[index] === network);
}

async function commandLine(pid: number): Promise<string> {
  const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return words.replaceAll("\0", " ").trim();
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has gone by itself meanwhile.
  }
}
