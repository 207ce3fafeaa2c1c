import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { MemoryUse } from "../../core/runtime.ts";
import type { Clock } from "../../ports/clock.ts";
import type { OwnRuntime } from "../../ports/own-runtime.ts";
import { DelaySampler } from "./delay-sampler.ts";

const MIB = 1024 * 1024;

/** Samples from now on. `root` is where the kernel's files are. */
export function ownRuntime(clock: Pick<Clock, "now">, root = "/"): OwnRuntime & Disposable {
  const delay = new DelaySampler(clock);
  return {
    nodeVersion: process.version,
    eventLoopDelayMs: () => delay.takeWorstMs(),
    memory: () => memoryOf(root).catch(() => undefined),
    [Symbol.dispose]: () => {
      delay[Symbol.dispose]();
    },
  };
}

/** Of the control group of version 2 that this process is in. */
async function memoryOf(root: string): Promise<MemoryUse | undefined> {
  const [, group] = /^0::(\/.*)$/m.exec(await readFile(join(root, "proc/self/cgroup"), "utf8")) ?? [];
  if (group === undefined) return undefined;
  const read = async (name: string): Promise<string> =>
    (await readFile(join(root, "sys/fs/cgroup", group, name), "utf8")).trim();
  const limit = await read("memory.max");
  if (limit === "max") return undefined;
  const [, idle = "0"] = /^inactive_file (\d+)$/m.exec(await read("memory.stat")) ?? [];
  // Files that nobody used lately are given back before anything is killed.
  const usedBytes = Math.round((Number(await read("memory.current")) - Number(idle)) / MIB) * MIB;
  return { usedBytes, limitBytes: Number(limit) };
}
