import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readIfThere, removeFile, replaceFile } from "../../agent/files/whole-file.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "whole-file-"));
});
afterEach(() => rm(folder, { recursive: true }));

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

it("whoever reads a file while it is replaced finds the old bytes or the new ones, never a part", async () => {
  const file = join(folder, "state");
  const both = ["a", "b"].map((letter) => letter.repeat(3_000_000));
  await replaceFile(file, both[0]!);
  const over = new AbortController();
  const found = new Set<string>();
  const reading = (async () => {
    while (!over.signal.aborted) found.add(await readFile(file, "utf8"));
  })();
  for (let round = 1; round <= 10; round += 1) await replaceFile(file, both[round % 2]!);
  over.abort();
  await reading;
  expect([...found].filter((text) => !both.includes(text)).map(({ length }) => length)).toEqual([]);
});

it("a file that cannot be replaced is as it was, and nothing lies beside it", async () => {
  const file = join(folder, "state");
  // A name that nothing can be renamed to.
  await mkdir(join(file, "in-the-way"), { recursive: true });
  await expect(replaceFile(file, "new")).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(await readdir(folder)).toEqual(["state"]);
});

it("what an interrupted replacement has left hinders no other, and a link in its place leads nowhere", async () => {
  const [file, elsewhere] = [join(folder, "state"), join(folder, "elsewhere")];
  await writeFile(elsewhere, "untouched");
  await symlink(elsewhere, `${file}.new`);
  await replaceFile(file, "new");
  expect(await readFile(file, "utf8")).toBe("new");
  expect(await readFile(elsewhere, "utf8")).toBe("untouched");
  expect((await readdir(folder)).toSorted()).toEqual(["elsewhere", "state"]);
});

it("has the mode that was asked for, whatever the mask, and its owner's alone if none was", async () => {
  const mask = process.umask(0o077);
  try {
    await replaceFile(join(folder, "told"), "x", { mode: 0o644 });
    process.umask(0);
    await replaceFile(join(folder, "kept"), "x");
    await replaceFile(join(folder, "made", "kept"), "x", { directoryMode: 0o700 });
  } finally {
    process.umask(mask);
  }
  expect(await modeOf(join(folder, "told"))).toBe(0o644);
  expect(await modeOf(join(folder, "kept"))).toBe(0o600);
  expect(await modeOf(join(folder, "made"))).toBe(0o700);
});

it("gives undefined for a file that is not there, and removes one", async () => {
  const [file, bytes] = [join(folder, "state"), randomBytes(32)];
  expect(await readIfThere(file)).toBeUndefined();
  await replaceFile(file, bytes);
  expect(await readIfThere(file)).toEqual(bytes);
  await removeFile(file);
  await removeFile(file);
  expect(await readIfThere(file)).toBeUndefined();
});
