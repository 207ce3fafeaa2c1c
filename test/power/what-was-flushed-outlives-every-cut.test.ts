import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { Dice } from "../gateway/http2/dice.ts";
import { cutAfter } from "./cut.ts";
import { ReplayedDisk } from "./replayed-disk.ts";
import { readWriteLog } from "./write-log.ts";

const SECTOR = 512;
const DISK_SECTORS = 64;
const REQUESTS = 120;
const CUTS = 40;
const [FLUSH, FUA, DISCARD] = [1n, 2n, 4n];

it("and what came after it may be lost, torn to a sector, or there: never anything else", async () => {
  await using dir = await TempDir.make(join(tmpdir(), "power-"));
  const dice = new Dice(14);
  const file = join(dir.path, "log");
  const history = writeLog(file, dice);
  const log = readWriteLog(file);
  expect(log.requests).toHaveLength(REQUESTS);
  const cuts = Array.from({ length: CUTS }, () => 1 + dice.upTo(REQUESTS)).toSorted((a, b) => a - b);
  using replayed = new ReplayedDisk(log, DISK_SECTORS * SECTOR, join(dir.path, "base"));
  const target = join(dir.path, "target");
  let lost = 0;
  for (const after of cuts) {
    replayed.write(cutAfter(log.requests, after, SECTOR, dice), target);
    const image = readFileSync(target);
    for (const [sector, writes] of history.entries()) {
      const flushedAt = log.requests.slice(0, after).findLastIndex(({ flushesBefore }) => flushesBefore);
      const answered = writes.filter(({ index }) => index < after);
      // The last one was under way, whatever it asked for.
      const safe = answered.findLastIndex(({ index, forced }) => (forced && index < after - 1) || index < flushedAt);
      const allowed = [...(safe < 0 ? [0] : []), ...answered.slice(Math.max(0, safe)).map(({ value }) => value)];
      const found = new Set(image.subarray(sector * SECTOR, (sector + 1) * SECTOR));
      expect(found.size, `sector ${sector} after ${after}`).toBe(1);
      expect(allowed, `sector ${sector} after ${after}`).toContain([...found][0]);
      if ([...found][0] !== (answered.at(-1)?.value ?? 0)) lost += 1;
    }
  }
  expect(lost).toBeGreaterThan(0);
});

interface SectorWrite {
  readonly index: number;
  readonly value: number;
  readonly forced: boolean;
}

/** A log as dm-log-writes would have it; each write fills its sectors with a number of its own. */
function writeLog(file: string, dice: Dice): readonly (readonly SectorWrite[])[] {
  const history: SectorWrite[][] = Array.from({ length: DISK_SECTORS }, () => []);
  const parts: Buffer[] = [];
  const superblock = Buffer.alloc(SECTOR);
  superblock.writeBigUInt64LE(0x6a736677736872n, 0);
  superblock.writeBigUInt64LE(1n, 8);
  superblock.writeUInt32LE(SECTOR, 24);
  parts.push(superblock);
  for (let index = 0; index < REQUESTS; index += 1) {
    const flags = dice.pick([0n, 0n, 0n, 0n, 0n, FLUSH, FUA, DISCARD]);
    const sectors = flags === FLUSH ? 0 : 1 + dice.upTo(8);
    const first = dice.upTo(DISK_SECTORS - 8);
    const entry = Buffer.alloc(SECTOR);
    for (const [at, value] of [BigInt(first), BigInt(sectors), flags].entries()) entry.writeBigUInt64LE(value, at * 8);
    const value = flags === DISCARD ? 0 : index + 1;
    parts.push(entry, ...(flags === DISCARD ? [] : [Buffer.alloc(sectors * SECTOR, value)]));
    for (let at = 0; at < sectors; at += 1) history[first + at]?.push({ index, value, forced: flags === FUA });
  }
  writeFileSync(file, Buffer.concat(parts));
  return history;
}
