import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { recordingFiles } from "../../agent/adapters/terminal/recording-files.ts";

let dir: string;
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), "recordings-")), "recordings");
});
afterEach(() => rm(join(dir, ".."), { recursive: true }));

const HEADER = `${JSON.stringify({ version: 2, width: 80, height: 24 })}\n`;

it("is well before the first recording has made it, and makes nothing itself", async () => {
  const files = recordingFiles(dir);
  expect(await files.look()).toEqual({ directory: dir, problem: "", left: [], moreLeft: 0 });
  expect(await files.look()).toMatchObject({ problem: "" });
});

it("tells of what nobody sends: refused ones until they are removed, and none that is being made or sent", async () => {
  const files = recordingFiles(dir);
  expect(await files.recover()).toEqual([]);
  const [kept, refused] = [await files.begin("rec-a", HEADER), await files.begin("rec-b", HEADER)];
  expect((await files.look()).left).toEqual([]);
  await refused.setAside();
  expect((await files.look()).left).toEqual([
    { file: "rec-b.cast.refused", sizeBytes: HEADER.length, writtenMs: expect.any(Number) as number, isRefused: true },
  ]);
  await rm(join(dir, "rec-b.cast.refused"));
  await kept.forget();
  expect((await files.look()).left).toEqual([]);
});

it("tells of one that an earlier run left and nobody can take up; the others are taken up all the same", async () => {
  const before = recordingFiles(dir);
  await (await before.begin("rec-a", HEADER)).release();
  // A directory opens for writing for nobody, root included.
  await mkdir(join(dir, "rec-bad.cast"));
  const after = recordingFiles(dir);
  expect((await after.look()).left).toEqual([]);
  const [taken, ...more] = await after.recover();
  expect(taken?.recordingId).toBe("rec-a");
  expect(more).toEqual([]);
  expect((await after.look()).left.map(({ file }) => file)).toEqual(["rec-bad.cast"]);
  await taken?.release();
});

it("tells why no recording can be made: what is in its place, or no room", async () => {
  await writeFile(dir, "no folder");
  expect((await recordingFiles(dir).look()).problem).toMatch(/EACCES|ENOTDIR/);
  // A file system without any room.
  expect((await recordingFiles("/proc/recordings").look()).problem).toMatch(/^0 B free|EACCES/);
});
