import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { Deadline } from "../../sandbox/deadline.ts";
import { BenchFailed, EX_UNAVAILABLE } from "../failure.ts";
import { run } from "../process/child.ts";
import { packageDir } from "../process/toolchain.ts";

/** The first time, Go compiles its own TLS as well. */
const BUILD_DEADLINE_MS = 5 * 60_000;

/**
 * The load client, compiled once for each version of its sources and of Go. It is written in Go,
 * with the standard library alone, so that the client is not the bottleneck of what it measures.
 * @throws {BenchFailed} If there is no Go, or it does not compile.
 */
export async function clientProgram(signal: AbortSignal): Promise<string> {
  const sources = join(packageDir, "bench", "client");
  using deadline = new Deadline(BUILD_DEADLINE_MS, signal);
  try {
    const { stdout: version } = await run({ command: "go", args: ["version"] }, deadline.signal);
    const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "builder-agent", "bench");
    const program = join(cache, `client-${await fingerprint(sources, version)}`);
    if (existsSync(program)) return program;
    await mkdir(cache, { recursive: true });
    const draft = `${program}.${process.pid}`;
    const args = ["-C", sources, "build", "-trimpath", "-o", draft, "."];
    await run({ command: "go", args, env: { CGO_ENABLED: "0", GOWORK: "off" } }, deadline.signal);
    await rename(draft, program);
    return program;
  } catch (cause) {
    signal.throwIfAborted();
    throw new BenchFailed("The load client cannot be compiled: install Go 1.24 or newer, and put it on PATH.", {
      exitCode: EX_UNAVAILABLE,
      cause,
    });
  }
}

async function fingerprint(sources: string, version: string): Promise<string> {
  const hash = createHash("sha256").update(version);
  for (const name of (await readdir(sources)).toSorted())
    hash.update(`${name}\0`).update(await readFile(join(sources, name)));
  return hash.digest("hex").slice(0, 16);
}
