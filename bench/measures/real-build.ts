import { randomBytes } from "node:crypto";
import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Deadline } from "../../sandbox/deadline.ts";
import { BenchFailed } from "../failure.ts";
import type { Credentials } from "../load/credentials.ts";
import { run } from "../process/child.ts";
import type { Buildkit } from "../subjects/buildkitd.ts";
import type { Subject } from "../subjects/subject.ts";
import type { Measure } from "./measure.ts";
import { withProxyCpu } from "./proxy-effort.ts";

const FILE_BYTES = 1_000_000;
/** Enough that no file of one build equals one of another. */
const STAMP_BYTES = 32;
const BUILD_DEADLINE_MS = 120_000;

/**
 * A real build of one `COPY` of `contextBytes` that do not compress. Before each build every file
 * is stamped anew, and after it BuildKit's cache is emptied: nobody profits from an earlier build.
 */
export async function realBuild(options: {
  readonly buildctl: string;
  readonly buildkit: Buildkit;
  readonly credentials: Credentials;
  readonly dir: string;
  readonly contextBytes: number;
}): Promise<Measure> {
  const { buildctl, buildkit, contextBytes } = options;
  const context = await makeContext(options.dir, contextBytes);
  return {
    group: "build",
    name: "real build",
    behind: "buildkitd",
    async run(subject, signal) {
      using deadline = new Deadline(BUILD_DEADLINE_MS, signal);
      await stampAnew(context.files);
      const args = [...connection(subject, options.credentials), ...build(context)];
      const { result, cpu } = await withProxyCpu(subject, () => timed(buildctl, args, deadline.signal));
      if (result.transferredBytes < contextBytes)
        throw new BenchFailed(`Of ${contextBytes} bytes only ${result.transferredBytes} went through ${subject.name}.`);
      const prune = ["--addr", `unix://${buildkit.socket}`, "prune", "--all"];
      await run({ command: buildctl, args: prune }, deadline.signal);
      return { build: result.seconds, ...(cpu === undefined ? {} : { buildCpu: cpu }) };
    },
  };
}

interface Context {
  readonly folder: string;
  readonly dockerfileFolder: string;
  readonly files: readonly string[];
}

async function makeContext(dir: string, bytes: number): Promise<Context> {
  const folder = join(dir, "context");
  const dockerfileFolder = join(dir, "dockerfile");
  await mkdir(folder, { recursive: true });
  await mkdir(dockerfileFolder, { recursive: true });
  await writeFile(join(dockerfileFolder, "Dockerfile"), "FROM scratch\nCOPY . /\n");
  const files = Array.from({ length: Math.ceil(bytes / FILE_BYTES) }, (_, at) => join(folder, `file-${at}`));
  for (const file of files) await writeFile(file, randomBytes(FILE_BYTES));
  return { folder, dockerfileFolder, files };
}

async function stampAnew(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const handle = await open(file, "r+");
    try {
      await handle.write(randomBytes(STAMP_BYTES), 0, STAMP_BYTES, 0);
    } finally {
      await handle.close();
    }
  }
}

function connection(subject: Subject, credentials: Credentials): readonly string[] {
  const flags = {
    addr: `tcp://${subject.address}`,
    tlscacert: credentials.servingCaFile,
    tlscert: credentials.clientCertFile,
    tlskey: credentials.clientKeyFile,
    tlsservername: credentials.serverName,
  };
  return Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
}

function build({ folder, dockerfileFolder }: Context): readonly string[] {
  const locals = ["--local", `context=${folder}`, "--local", `dockerfile=${dockerfileFolder}`];
  return ["build", "--frontend", "dockerfile.v0", "--no-cache", "--progress", "plain", ...locals];
}

async function timed(
  command: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly seconds: number; readonly transferredBytes: number }> {
  const startedMs = performance.now();
  const { stderr } = await run({ command, args }, signal);
  return { seconds: (performance.now() - startedMs) / 1000, transferredBytes: transferred(stderr) };
}

/** As BuildKit tells it: "transferring context: 400.10MB 2.5s done". */
function transferred(progress: string): number {
  const amounts = [...progress.matchAll(/transferring context: ([\d.]+)MB/g)];
  return Math.max(0, ...amounts.map(([, megabytes]) => Number(megabytes) * 1e6));
}
