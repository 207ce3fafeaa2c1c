import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Dice } from "../gateway/http2/dice.ts";
import { cutAfter } from "./cut.ts";
import { nextMachine, type Verdict } from "./next-machine.ts";
import type { Recording } from "./recording.ts";
import { ReplayedDisk } from "./replayed-disk.ts";

/**
 * At a time: each waits for its disk more than it works. The kernel mounts no two copies of an xfs.
 */
const MACHINES = { ext4: 2, xfs: 1 } as const;

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
  const rest = cuts.entries();
  const machine = async (): Promise<void> => {
    for (const [at, cut] of rest) {
      const image = join(dir, `cut-${at}.raw`);
      // In their order: nobody comes between the taking of a cut and this.
      replayed.write(cut, image);
      verdicts.push(await nextMachine(recording, cut, image));
      await rm(image);
    }
  };
  await Promise.all(Array.from({ length: MACHINES[recording.filesystem] }, machine));
  return verdicts;
}

/** What is broken, for a test that wants nothing to be. */
export function broken(verdicts: readonly Verdict[]): readonly unknown[] {
  return verdicts
    .filter(({ faults }) => faults.length > 0)
    .map(({ cut, ...verdict }) => ({ after: cut.after, how: cut.how, durable: cut.durable, ...verdict }));
}
