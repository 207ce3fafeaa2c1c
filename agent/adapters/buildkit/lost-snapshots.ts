import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { bucketSequence } from "./bolt-file.ts";
import { snapshotsOf } from "./databases.ts";

/** Where containerd counts its snapshots (core/snapshots/storage/bolt.go of v2.3.6). */
const COUNTER = ["v1", "snapshots"] as const;

/**
 * Removes the directories of snapshots that their database does not know yet. Power that goes
 * between the renaming of a new snapshot's directory and the commit of its number leaves a
 * directory whose number will be given out again: the next build then fails with "file exists". A
 * sound database has never heard of a number above its counter, so nothing else can use such a
 * directory. Returns their names.
 */
export async function removeLostSnapshots(rootDir: string, databasePath: string): Promise<readonly string[]> {
  const counter = await bucketSequence(join(rootDir, databasePath), COUNTER);
  if (counter === undefined) return [];
  const directory = snapshotsOf(rootDir, databasePath);
  const names = await readdir(directory).catch(() => []);
  const lost = names.filter((name) => /^\d{1,19}$/.test(name) && BigInt(name) > counter);
  for (const name of lost) await rm(join(directory, name), { recursive: true, force: true });
  return lost;
}
