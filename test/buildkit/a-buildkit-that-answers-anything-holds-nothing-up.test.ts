import { fork } from "node:child_process";
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
  { conduct: "records without end", calls: ["Prune"] },
  { conduct: "records of a megabyte without end", calls: ["Prune"] },
  { conduct: "an error of 15 KB", calls: ["ListWorkers", "DiskUsage", "Prune", "Solve"] },
  { conduct: "frames of no call without end", calls: ["ListWorkers"] },
  { conduct: "a byte a second", calls: ["DiskUsage"] },
])("a BuildKit that answers $conduct", ({ conduct, calls }) => {
  it.each(calls)(
    "holds nobody up by %s, fills no memory, and what is told of it is short",
    async (call) => {
      const dir = await mkdtemp(join(tmpdir(), "strange-"));
      const socketPath = join(dir, "buildkitd.sock");
      const child = fork(new URL("strange-buildkit.mjs", import.meta.url), [socketPath, conduct]);
      try {
        await once(child, "message");
        const before = process.memoryUsage.rss();
        const delay = monitorEventLoopDelay({ resolution: 10 });
        delay.enable();
        const told = await CALLS[call]?.(socketPath).catch((failure: unknown) => failure);
        delay.disable();
        expect(delay.max / 1e6).toBeLessThan(HELD_UP_AT_MOST_MS);
        expect(process.memoryUsage.rss() - before).toBeLessThan(GREW_AT_MOST_BYTES);
        for (const text of textsOf(told)) expect(text.length).toBeLessThan(LONGEST_TEXT);
      } finally {
        child.kill("SIGKILL");
        await rm(dir, { recursive: true, force: true });
      }
    },
    60_000,
  );
});

/** Every text in it, but for the causes of errors, which the log cuts. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (value instanceof Error) return [value.message];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...textsOf(inner)]);
}
