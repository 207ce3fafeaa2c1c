import { mkdir, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { packagedVersion } from "../../agent/adapters/machine/packaged-version.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";

const PACKED = new Date("2026-11-01T00:00:00Z");

let dir: TempDir;
let program: string;
let manifest: string;

beforeEach(async () => {
  dir = await TempDir.make(join(tmpdir(), "packaged-"));
  [program, manifest] = [join(dir.path, "bin/buildkitd"), join(dir.path, "package.json")];
  await mkdir(join(dir.path, "bin"));
  await writeFile(program, "");
  await writeFile(manifest, JSON.stringify({ programs: { buildkitd: { version: "0.33.1", path: program } } }));
  for (const file of [program, manifest]) await utimes(file, PACKED, PACKED);
});
afterEach(() => dir[Symbol.asyncDispose]());

it("is known by its name and by its path", () => {
  const path = `/nowhere:${join(dir.path, "bin")}`;
  expect(packagedVersion("buildkitd", { manifest, path })).toBe("v0.33.1");
  expect(packagedVersion(program, { manifest, path: "" })).toBe("v0.33.1");
});

it("is asked where somebody has put another in its place, or before it, or there is no package", async () => {
  const other = join(dir.path, "other");
  await mkdir(other);
  await writeFile(join(other, "buildkitd"), "");
  await utimes(join(other, "buildkitd"), PACKED, PACKED);
  expect(packagedVersion("buildkitd", { manifest, path: `${other}:${join(dir.path, "bin")}` })).toBeUndefined();
  expect(packagedVersion(program, { manifest: join(dir.path, "none"), path: "" })).toBeUndefined();
  await utimes(program, new Date(), new Date());
  expect(packagedVersion(program, { manifest, path: "" })).toBeUndefined();
});

it.each(["", "{}", "[1]", '{"programs":{"buildkitd":null}}', '{"programs":{"buildkitd":{"version":1}}}'])(
  "is asked where the package's list is none: %s",
  async (text) => {
    await writeFile(manifest, text);
    await utimes(manifest, PACKED, PACKED);
    expect(packagedVersion(program, { manifest, path: "" })).toBeUndefined();
  },
);
