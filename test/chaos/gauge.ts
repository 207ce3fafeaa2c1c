import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { ChildName, Stage } from "../journeys/stage/stage.ts";
import { descriptorsOf, lasting } from "./descriptors.ts";

const NAMES: readonly ChildName[] = ["launcher", "control", "gateway", "buildkitd"];
const EVERY_MS = 5_000;

/** What a process holds at one moment. */
export interface Sample {
  readonly name: ChildName;
  readonly pid: number;
  readonly atMs: number;
  readonly rssKib: number;
  /** What each of its descriptors is, without connections that are only dialled. */
  readonly descriptors: readonly string[];
}

/** Those of the agent's processes that are there. */
export async function sampleAll(stage: Stage): Promise<readonly Sample[]> {
  const samples = await Promise.all(NAMES.map(async (name) => sample(name, await stage.pid(name))));
  return samples.filter((one) => one !== undefined);
}

async function sample(name: ChildName, pid: number): Promise<Sample | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    const rssKib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
    const descriptors = lasting(await descriptorsOf(pid));
    return Number.isNaN(rssKib) ? undefined : { name, pid, atMs: Date.now(), rssKib, descriptors };
  } catch {
    // It is between two lives, or ended while it was looked at.
    return undefined;
  }
}

/** Samples until it is told to stop. */
export async function gauge(stage: Stage, samples: Sample[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    samples.push(...(await sampleAll(stage)));
    await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}
