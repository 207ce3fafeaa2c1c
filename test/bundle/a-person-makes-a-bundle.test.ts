import { lstat, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bundle, places, standIn, writeConfig } from "./bundle-command.ts";
import { folderOfOwn, unpacked } from "./unpacked.ts";

it("--list says what would go in, and makes nothing", async () => {
  await using folder = await folderOfOwn();
  await writeConfig(folder);
  const { code, out } = await bundle(folder, [...places(folder), "--list"]);
  expect(code).toBe(0);
  for (const path of ["logs/journal/", "config.json", "status.json", "metrics.txt", "network/nft.json"])
    expect(out).toMatch(new RegExp(`^${path} +\\S`, "m"));
  const json = await bundle(folder, [...places(folder), "--list", "--json"]);
  expect(JSON.parse(json.out)).toMatchObject({
    schemaVersion: 1,
    entries: expect.arrayContaining([{ path: "status.json", what: expect.any(String) as string }]) as unknown,
  });
  expect((await readdir(folder.path)).toSorted()).toEqual(["config.toml", "token"]);
});

it("in a folder it gets a name with machine and time, for its owner alone, and the manifest the marker that is printed", async () => {
  await using folder = await folderOfOwn();
  await writeConfig(folder);
  const { code, out } = await bundle(folder, [...places(folder), "--output", folder.path]);
  expect(code).toBe(0);
  const [file = ""] = (await readdir(folder.path)).filter((name) => name.endsWith(".tar.gz"));
  expect(file).toMatch(/^builder-agent-[\w-]+-\d{8}T\d{6}Z\.tar\.gz$/);
  expect((await lstat(join(folder.path, file))).mode & 0o777).toBe(0o600);
  const files = await unpacked(join(folder.path, file), folder.path);
  const marker = /^BUG-\d{8}T\d{6}Z-[0-9a-f]{16}/m.exec(out)?.[0];
  expect(files.get("manifest.json")).toContain(`"marker": "${marker}"`);
});

it("what is there already is not written over, and a link not followed", async () => {
  await using folder = await folderOfOwn();
  await writeConfig(folder);
  await writeFile(join(folder.path, "mine"), "mine");
  await symlink(join(folder.path, "mine"), join(folder.path, "link"));
  for (const output of ["mine", "link"]) {
    const { code, err } = await bundle(folder, [...places(folder), "--output", join(folder.path, output)]);
    expect({ code, err }).toMatchObject({ code: 73, err: expect.stringContaining("EEXIST") as string });
  }
  expect(await readFile(join(folder.path, "mine"), "utf8")).toBe("mine");
});

it("a configuration that is wrong is told in it, and what is right of it still counts", async () => {
  await using folder = await folderOfOwn();
  await writeConfig(folder, ["[drain]", "graceMs = -1", "[paths]", `stateDir = "${folder.path}"`]);
  const args = ["--config", join(folder.path, "config.toml"), "--output", join(folder.path, "b.tar.gz")];
  expect(await bundle(folder, args)).toMatchObject({ code: 0 });
  const files = await unpacked(join(folder.path, "b.tar.gz"), folder.path);
  expect(files.get("config.txt")).toMatch(/drain\.graceMs .*found -1/);
  expect(files.get("files.txt")).toContain(join(folder.path, "token"));
});

it("where a credential cannot be read, other programs' words stay out, unless that is asked for", async () => {
  await using folder = await folderOfOwn();
  await writeConfig(folder);
  const server = createServer().listen(join(folder.path, "no-file"));
  const args = [...places(folder), "--identity-token-file", join(folder.path, "no-file"), "--output"];
  const careful = await bundle(folder, [...args, join(folder.path, "a.tar.gz")]);
  expect(careful.out).toMatch(
    /logs\/journal +left out +What must not be in it could not be read, as root can: .*no-file/,
  );
  const told = await bundle(folder, [...args, join(folder.path, "b.tar.gz"), "--unsearched"]);
  server.close();
  expect(told.out).not.toContain("left out");
});

it("a token behind links, as Kubernetes has them, is searched for", async () => {
  await using folder = await folderOfOwn();
  await using programs = await folderOfOwn();
  await writeConfig(folder);
  await writeFile(join(folder.path, "data"), "token-of-a-pod-0123\n");
  await symlink("data", join(folder.path, "linked"));
  await standIn(programs, "journalctl", `console.log(JSON.stringify({ MESSAGE: "got token-of-a-pod-0123 from it" }))`);
  const args = [...places(folder), "--identity-token-file", join(folder.path, "linked")];
  const { out } = await bundle(programs, [...args, "--output", join(folder.path, "b.tar.gz")]);
  expect(out).toContain("1 secret was found and taken out");
  const files = await unpacked(join(folder.path, "b.tar.gz"), folder.path);
  expect(files.get("logs/journal/9999.log")).toContain("got [redacted: value] from it");
});
