import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { describe, expect, it } from "vitest";
import { diskUsage } from "../../agent/adapters/buildkit/disk-usage.ts";
import { GrpcBuildkitCache } from "../../agent/adapters/buildkit/grpc-cache.ts";
import { GrpcBuildkitProbe } from "../../agent/adapters/buildkit/probe.ts";
import { GrpcStepTrial } from "../../agent/adapters/buildkit/step-trial.ts";

const MIB = 1024 * 1024;
/** Ten times what any of them takes; deadlines of the calls themselves are 5 s and less. */
const HELD_UP_AT_MOST_MS = 2_000;
const GREW_AT_MOST_BYTES = 256 * MIB;
/** Of what is told on: a version, an error, a name. */
const LONGEST_TEXT = 1_200;
const STEP_MS = 3_000;
const signal = new AbortController().signal;

/** Each of control's own calls; what it resolves to, or fails with, is told on. */
const CALLS: Readonly<Record<string, (socketPath: string) => Promise<unknown>>> = {
  ListWorkers: async (socketPath) => {
    using probe = new GrpcBuildkitProbe(socketPath);
    return await probe.listWorkers(signal);
  },
  DiskUsage: (socketPath) => diskUsage(socketPath, signal),
  Prune: async (socketPath) => {
    using cache = new GrpcBuildkitCache(socketPath, tmpdir());
    return await cache.forgetTransfers(signal);
  },
  ListenBuildHistory: async (socketPath) => {
    using cache = new GrpcBuildkitCache(socketPath, tmpdir());
    return await cache.deleteHistory({ spareYoungest: 0, minAgeMs: 0, pinnedToo: false }, signal);
  },
  Solve: async (socketPath) => {
    using trial = new GrpcStepTrial(socketPath, "x64");
    return await trial.tryStep(STEP_MS, signal);
  },
};

describe.each([
  { conduct: "a version and platforms of 200 KB", calls: ["ListWorkers"] },
  { conduct: "platforms without number", calls: ["ListWorkers"] },
  { conduct: "workers without number", calls: ["ListWorkers"] },
  { conduct: "other types than there are", calls: ["ListWorkers", "DiskUsage", "Solve"] },
  { conduct: "half a message", calls: ["ListWorkers", "DiskUsage", "Solve"] },
  { conduct: "16 MB of what is none", calls: ["ListWorkers", "DiskUsage", "Solve"] },
  { conduct: "records of other types each", calls: ["DiskUsage"] },
  { conduct: "records without end", calls: ["Prune", "ListenBuildHistory"] },
  { conduct: "records of a megabyte without end", calls: ["Prune", "ListenBuildHistory"] },
  { conduct: "ended builds without end", calls: ["ListenBuildHistory"] },
  { conduct: "an error of 15 KB", calls: ["ListWorkers", "DiskUsage", "Prune", "ListenBuildHistory", "Solve"] },
  { conduct: "frames of no call without end", calls: ["ListWorkers"] },
  { conduct: "a byte a second", calls: ["DiskUsage"] },
])("a BuildKit that answers $conduct", ({ conduct, calls }) => {
  it.each(calls)(
    "holds nobody up by %s, fills no memory, and what is told of it is short",
    async (call) => {
      await using strange = await Strange.start(conduct);
      const before = process.memoryUsage.rss();
      const delay = monitorEventLoopDelay({ resolution: 10 });
      delay.enable();
      const told = await CALLS[call]?.(strange.socketPath).catch((failure: unknown) => failure);
      delay.disable();
      expect(delay.max / 1e6).toBeLessThan(HELD_UP_AT_MOST_MS);
      expect(process.memoryUsage.rss() - before).toBeLessThan(GREW_AT_MOST_BYTES);
      for (const text of textsOf(told)) expect(text.length).toBeLessThan(LONGEST_TEXT);
    },
    60_000,
  );
});

it.each(["Prune", "ListenBuildHistory"])(
  "a record that is too large to %s is not taken for a full disk",
  async (call) => {
    await using strange = await Strange.start("records of 20 MB");
    await expect(CALLS[call]?.(strange.socketPath)).rejects.toMatchObject({ code: "buildkit.no-answer" });
  },
);

/** A process of its own, which answers as it is told. */
class Strange implements AsyncDisposable {
  readonly socketPath: string;
  readonly #dir: string;
  readonly #child: ChildProcess;

  private constructor(dir: string, conduct: string) {
    this.#dir = dir;
    this.socketPath = join(dir, "buildkitd.sock");
    this.#child = fork(new URL("strange-buildkit.mjs", import.meta.url), [this.socketPath, conduct]);
  }

  static async start(conduct: string): Promise<Strange> {
    const strange = new Strange(await mkdtemp(join(tmpdir(), "strange-")), conduct);
    await once(strange.#child, "message");
    return strange;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** Every text in it, but for the causes of errors, which the log cuts. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (value instanceof Error) return [value.message];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...textsOf(inner)]);
}
