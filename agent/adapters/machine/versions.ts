import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { programEnvironment } from "../../core/program-environment.ts";

const BUILDKIT_DEADLINE_MS = 5_000;

/**
 * Of the nearest package.json above this file: it stands beside the sources and beside what is
 * compiled from them.
 */
export function agentVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const version = versionIn(join(folder, "package.json"));
    if (version !== undefined) return version;
    if (folder === dirname(folder)) return "";
  }
}

function versionIn(file: string): string | undefined {
  try {
    const found: unknown = JSON.parse(readFileSync(file, "utf8"));
    return typeof found === "object" && found !== null && "version" in found ? String(found.version) : undefined;
  } catch {
    return undefined;
  }
}

/** "v0.33.1", as `buildkitd --version` says it; "" if it cannot be asked. */
export async function buildkitVersion(binary: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(binary, ["--version"], {
      env: programEnvironment(process.env["PATH"]),
      timeout: BUILDKIT_DEADLINE_MS,
      killSignal: "SIGKILL",
      maxBuffer: 64 * 1024,
    });
    return stdout.split(/\s+/).find((word) => /^v\d/.test(word)) ?? "";
  } catch {
    return "";
  }
}
