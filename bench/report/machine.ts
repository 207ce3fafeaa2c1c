import { readFile } from "node:fs/promises";
import { arch, cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { Deadline } from "../../sandbox/deadline.ts";
import { run } from "../process/child.ts";
import { packageDir, type Toolchain } from "../process/toolchain.ts";

/** Where and with what it was measured. */
export interface MachineDescription {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly architecture: string;
  readonly kernel: string;
  /** Of the minute before: more than a few tenths means that the machine was not ours alone. */
  readonly loadAverage: number;
  /** "memory" or "disk": where BuildKit and the context lay. */
  readonly workDir: "memory" | "disk";
  /** By program. */
  readonly versions: Readonly<Record<string, string>>;
}

const ASK_DEADLINE_MS = 10_000;

/** Each program that tells its version, and how to find it in what it says. */
const PROGRAMS = [
  { tool: "imageNode", args: ["--version"], version: /v(\S+)/ },
  { tool: "buildkitd", args: ["--version"], version: /(v\d\S+)/ },
  { tool: "haproxy", args: ["-v"], version: /version (\S+)/ },
  { tool: "nginx", args: ["-v"], version: /nginx\/(\S+)/ },
] as const;

export async function describeMachine(
  toolchain: Toolchain,
  workDir: string,
  signal: AbortSignal,
): Promise<MachineDescription> {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGb: Math.round(totalmem() / 1e9),
    architecture: arch(),
    kernel: release(),
    loadAverage: loadavg()[0] ?? Number.NaN,
    workDir: workDir.startsWith("/dev/shm/") ? "memory" : "disk",
    versions: {
      gateway: await packageVersion(signal),
      node: process.versions.node,
      openssl: process.versions.openssl,
      ...(await programVersions(toolchain, signal)),
      go: await firstMatch("go", ["version"], /go(\d\S+)/, signal),
    },
  };
}

async function programVersions(toolchain: Toolchain, signal: AbortSignal): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const { tool, args, version } of PROGRAMS) {
    const command = toolchain.find(tool);
    if (command !== undefined) versions[tool] = await firstMatch(command, args, version, signal);
  }
  return versions;
}

async function packageVersion(signal: AbortSignal): Promise<string> {
  const json = await readFile(join(packageDir, "package.json"), "utf8");
  const version = /"version": "(\S+)"/.exec(json)?.[1] ?? "unknown";
  const commit = await firstMatch("git", ["-C", packageDir, "rev-parse", "--short", "HEAD"], /(\S+)/, signal);
  return `${version} (${commit})`;
}

async function firstMatch(
  command: string,
  args: readonly string[],
  wanted: RegExp,
  signal: AbortSignal,
): Promise<string> {
  using deadline = new Deadline(ASK_DEADLINE_MS, signal);
  const said = await run({ command, args }, deadline.signal).catch(() => undefined);
  signal.throwIfAborted();
  return wanted.exec(said === undefined ? "" : said.stdout + said.stderr)?.[1] ?? "unknown";
}
