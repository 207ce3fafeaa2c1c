import { readdir, readFile } from "node:fs/promises";

/**
 * The command lines and environments of all processes that name `path`: what anybody on this
 * machine could read.
 */
export async function commandLines(path: string): Promise<string> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const texts = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (!line.includes(path)) return "";
      return `${line}\n${await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "")}`;
    }),
  );
  return texts.filter((text) => text !== "").join("\n");
}
