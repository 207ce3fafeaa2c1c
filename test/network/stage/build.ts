import { execFile } from "node:child_process";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { tool } from "../../buildkit/real-buildkit.ts";

const DEADLINE_MS = 50_000;

/**
 * Builds a Dockerfile in whose context there is a busybox, every step anew; gives all that it said.
 * Rejects with that if it fails.
 */
export async function build(socketPath: string, dir: string, dockerfile: readonly string[]): Promise<string> {
  const context = join(dir, "own-context");
  await mkdir(context, { recursive: true });
  await copyFile(tool("busybox"), join(context, "busybox"));
  await writeFile(join(context, "Dockerfile"), dockerfile.join("\n"));
  const { stdout, stderr } = await promisify(execFile)(
    tool("buildctl"),
    [
      ...["--addr", `unix://${socketPath}`, "build", "--progress", "plain", "--no-cache"],
      ...["--frontend", "dockerfile.v0", "--local", `context=${context}`, "--local", `dockerfile=${context}`],
    ],
    { timeout: DEADLINE_MS },
  );
  return stdout + stderr;
}

/** A RUN of these words of busybox' shell. `flags`: as they are written after RUN. */
export function runLine(script: string, flags = ""): string {
  return `RUN ${flags} ${JSON.stringify(["/bin/busybox", "sh", "-c", script])}`;
}
