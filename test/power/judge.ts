import { join } from "node:path";
import { Dice } from "../gateway/http2/dice.ts";
import { cutAfter } from "./cut.ts";
import { nextMachine, type Verdict } from "./next-machine.ts";
import type { Recording } from "./recording.ts";
import { ReplayedDisk } from "./replayed-disk.ts";

/**
 * Cuts the power at so many requests of a recording, any of them, and looks at what the next
 * machine makes of each. `dir` is its owner's. The same seed cuts the same recording alike.
 */
export async function judge(recording: Recording, count: number, seed: number, dir: string): Promise<Verdict[]> {
  const { log, sizeBytes } = recording;
  const dice = new Dice(seed);
  const cuts = Array.from({ length: count }, () => 1 + dice.upTo(log.requests.length))
    .toSorted((a, b) => a - b)
    .map((after) => cutAfter(log.requests, after, log.sectorBytes, dice));
  using replayed = new ReplayedDisk(log, sizeBytes, join(dir, "replayed.raw"));
  const verdicts: Verdict[] = [];
  for (const cut of cuts) verdicts.push(await nextMachine(recording, replayed, cut));
  return verdicts;
}

/** What is broken, for a test that wants nothing to be. */
export function broken(verdicts: readonly Verdict[]): readonly unknown[] {
  return verdicts
    .filter(({ faults }) => faults.length > 0)
    .map(({ cut, ...verdict }) => ({ after: cut.after, how: cut.how, durable: cut.durable, ...verdict }));
}
