import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { OWNER } from "../../../sandbox/stack/runtime-dir.ts";
import { eventually } from "./eventually.ts";
import { processesNaming } from "./processes.ts";

/**
 * Proves that nothing of a stage is left: no process that names it (build steps included), no mount
 * below its directories, no socket but that of the directory's owner, which goes with it.
 * @throws {Error} naming what there is.
 */
export async function proveNothingLeft(marks: readonly string[], dirs: readonly string[]): Promise<void> {
  let left: readonly string[] = [];
  await eventually(
    "nothing of the stage is left",
    async () => {
      left = [...(await processes(marks)), ...(await mounts(dirs)), ...(await sockets(dirs))];
      return left.length === 0;
    },
    5_000,
  ).catch((cause: unknown) => {
    throw new Error(`The stage left something behind:\n${left.join("\n")}`, { cause });
  });
}

async function processes(marks: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(marks.map((mark) => processesNaming(mark)));
  return found.flat().map(({ pid, words }) => `process ${pid}: ${words.join(" ")}`);
}

async function mounts(dirs: readonly string[]): Promise<readonly string[]> {
  const table = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return table.filter((line) => dirs.some((dir) => line.includes(dir))).map((line) => `mount: ${line}`);
}

async function sockets(dirs: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    dirs.map(async (dir) => {
      const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
      return (
        entries
          // The directory is this process's until it goes, and goes last.
          .filter((entry) => entry.isSocket() && entry.name !== OWNER)
          .map((entry) => `socket: ${join(entry.parentPath, entry.name)}`)
      );
    }),
  );
  return found.flat();
}
