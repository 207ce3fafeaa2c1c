import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** Mounts below `dir`, the innermost first. Paths as proc(5) gives them, with \040 for a space and the like. */
async function mountsUnder(dir: string): Promise<readonly string[]> {
  const table = await readFile("/proc/self/mountinfo", "utf8");
  return table
    .split("\n")
    .map((line) =>
      (line.split(" ")[4] ?? "").replaceAll(/\\(\d{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    )
    .filter((path) => path.startsWith(`${dir}/`))
    .toReversed();
}

/** Whatever a killed buildkitd left mounted below `dir` is unmounted. */
export async function unmountUnder(dir: string): Promise<void> {
  for (const path of await mountsUnder(dir)) await promisify(execFile)("umount", ["--lazy", path], { timeout: 10_000 });
}

/** A directory below which nothing is mounted at disposal. */
export class MountFreeDir implements AsyncDisposable {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await unmountUnder(this.path);
  }
}
