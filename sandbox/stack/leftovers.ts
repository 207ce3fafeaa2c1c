import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const VANISH_DEADLINE_MS = 2_000;
const LOOK_EVERY_MS = 20;

/**
 * Proves that no process is left that names one of `paths` in its command line; what is left after
 * 2 s is killed.
 * @throws {Error} naming what had to be killed.
 */
export async function proveNoProcessLeft(paths: readonly string[]): Promise<void> {
  for (let waitedMs = 0; waitedMs < VANISH_DEADLINE_MS; waitedMs += LOOK_EVERY_MS) {
    if ((await processesNaming(paths)).length === 0) return;
    await sleep(LOOK_EVERY_MS);
  }
  const left = await processesNaming(paths);
  for (const { pid } of left) process.kill(pid, "SIGKILL");
  if (left.length === 0) return;
  const list = left.map(({ pid, commandLine }) => `${pid} (${commandLine.join(" ")})`).join(", ");
  throw new Error(`The agent left processes behind, which were killed: ${list}`);
}

/** What runs on this machine and names one of `paths` in its command line; not this process. */
export async function processesNaming(
  paths: readonly string[],
): Promise<readonly { readonly pid: number; readonly commandLine: readonly string[] }[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0 && pid !== process.pid);
  const running = await Promise.all(
    pids.map(async (pid) => {
      // A process that has gone meanwhile, or that is a zombie, has no command line.
      const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      return { pid, commandLine: commandLine.split("\0").filter(Boolean) };
    }),
  );
  return running.filter(({ commandLine }) => commandLine.some((word) => paths.some((path) => word.includes(path))));
}
