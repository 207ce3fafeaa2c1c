import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { WorkDir } from "../../sandbox/stack/work-dir.ts";

let parent: string;
let path: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "work-dir-"));
  path = join(parent, "d");
  await mkdir(path);
});
afterEach(() => rm(parent, { recursive: true, force: true }));

/** From up to Ctrl-C. @returns what is told to stay. */
async function run(during: () => Promise<void>): Promise<readonly string[]> {
  await using work = await WorkDir.open({ path, made: true });
  await during();
  work.keepLog = false;
  return work.theirs();
}

it.each(["recordings", "diagnostics"])("%s stay, and are told; the rest goes", async (name) => {
  const told = await run(async () => {
    await mkdir(join(path, name));
    await writeFile(join(path, name, "one"), "");
    await writeFile(join(path, "agent.toml"), "");
  });
  expect(told).toEqual([join(path, name)]);
  expect(existsSync(join(path, name, "one"))).toBe(true);
  expect(existsSync(join(path, "agent.toml"))).toBe(false);
});

it("nothing stays where nobody asked for anything", async () => {
  expect(await run(() => writeFile(join(path, "agent.toml"), ""))).toEqual([]);
  expect(existsSync(path)).toBe(false);
});
