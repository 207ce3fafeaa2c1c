import { readdir, readFile } from "node:fs/promises";

export interface RunningProcess {
  readonly pid: number;
  readonly words: readonly string[];
}

/**
 * Living processes (a zombie has no command line) with `text` in their command line; of every
 * container, seen from here.
 */
export async function processesNaming(text: string): Promise<readonly RunningProcess[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0 && pid !== process.pid);
  const all = await Promise.all(
    pids.map(async (pid) => {
      const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      return { pid, words: commandLine.split("\0").filter(Boolean) };
    }),
  );
  return all.filter(({ words }) => words.some((word) => word.includes(text)));
}
