import { readdir, readFile } from "node:fs/promises";

/** Every process of this machine whose environment or command line holds the mark. */
export async function processesWith(mark: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
    const [command, environment] = await Promise.all([read("cmdline"), read("environ")]);
    if (command.includes(mark) || environment.includes(mark)) found.push(`${pid} ${command.replaceAll("\0", " ")}`);
  }
  return found;
}
