import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { takeDiagnostics } from "../../sandbox/admin/diagnostics.ts";
import { folderOfOwn, listed, unpacked } from "../bundle/unpacked.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();

/** What each bundle of a machine has that runs, whoever makes it. */
const ALWAYS = [
  ...["config.json", "status.json", "checks.txt", "tasks.json", "metrics.txt", "manifest.json", "redactions.json"],
  ...["units/show.txt", "units/failed.txt", "units/cgroups.txt", "network/builds.json", "network/listening.txt"],
  ...["kernel/uname.txt", "kernel/memory.txt", "kernel/processes.txt", "clock/timedatectl.txt", "files.txt"],
  ...["disks/lsblk.json", "disks/space.txt", "disks/inodes.txt", "disks/mounts.txt", "errors.txt"],
];
const OF_BUILDKIT = ["buildkit/workers.json", "buildkit/disk-usage.json"];
const OF_THE_NETWORK = ["addresses.json", "routes.txt", "routes6.txt", "rules.txt"].map((name) => `network/${name}`);

/** What a machine of systemd's without chrony has not, and what a busy one may be too slow for. */
const NOT_HERE = [
  /^logs\/launcher: is not there: No launcher/,
  /^buildkit\/(?:goroutines|metrics)\.txt: is not there: /,
  /^buildkit\/prepared\.json: is not there: /,
  /^clock\/chrony\.txt: is not there: There is no program chronyc$/,
  /did not end within its 5 s/,
];
/** What only root may ask. */
const NOT_ALLOWED = [
  /^buildkit\/(?:buildkitd\.toml|workers\.json|disk-usage\.json|prepared\.json|goroutines\.txt|metrics\.txt): could not look: EACCES/,
  /^network\/nft\.json: could not look: nft ended with/,
];

/** What `errors.txt` says beyond that. */
function unexpected(files: ReadonlyMap<string, string>, expected: readonly RegExp[]): readonly string[] {
  const lines = (files.get("errors.txt") ?? "").split("\n").filter((line) => line !== "");
  return lines.filter((line) => ![...NOT_HERE, ...expected].some((pattern) => pattern.test(line)));
}

/** By `builder-agent` as a person finds it, behind these words. */
async function made(within: readonly string[]) {
  const { container, disk } = machine();
  await container.run("install", ["-d", "-m", "1777", "/var/tmp/bundles"]);
  const command = [...within, "builder-agent", "bundle", "--output", "/var/tmp/bundles"];
  const said = await container.run("sh", ["-c", '"$@" 2>&1; echo "rc $?"', "sh", ...command]);
  const there = join(disk.root, "var/tmp/bundles");
  const [name = ""] = await readdir(there);
  const folder = await folderOfOwn();
  await cp(join(there, name), join(folder.path, "b.tar.gz"));
  await container.run("rm", ["-r", "/var/tmp/bundles"]);
  const files = await read(join(folder.path, "b.tar.gz"), folder.path);
  return { said, files, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

/** By Debian's tar, which sees files below one folder, and nothing else. */
async function read(archive: string, into: string): Promise<ReadonlyMap<string, string>> {
  for (const line of await listed(archive))
    expect(line).toMatch(/^-rw------- 0\/0 +\d+ \S+ \S+ builder-agent-[^/]+Z\/[a-zA-Z0-9./-]+$/);
  return unpacked(archive, into);
}

it("made by root it has all that there is: journal, units, guard, disks, BuildKit", async () => {
  await using root = await made([]);
  expect(root.said).toMatch(/The agent's log has it, too[^]*\nrc 0\n$/);
  expect(unexpected(root.files, [])).toEqual([]);
  const wanted = [...ALWAYS, ...OF_BUILDKIT, ...OF_THE_NETWORK, "buildkit/buildkitd.toml", "logs/journal/9999.log"];
  expect([...root.files.keys()]).toEqual(expect.arrayContaining([...wanted, "network/nft.json"]));
  expect(root.files.get("logs/journal/9999.log")).toMatch(/builder-agent-control\.service\[\d+\] <\d> .*agent\.ready/);
  expect(root.files.get("units/show.txt")).toMatch(/^Id=buildkitd\.service$/m);
  expect(root.files.get("network/nft.json")).toContain("builder_agent");
});

it("made by the operators' group it has what that may see, and says that it holds back other programs' words", async () => {
  const operator = ["setpriv", "--reuid=nobody", "--regid=builder-agent-operators", "--clear-groups", "--"];
  await using theirs = await made(operator);
  expect(theirs.said).toMatch(/The agent's log has it, too[^]*\nrc 0\n$/);
  expect(
    unexpected(theirs.files, [...NOT_ALLOWED, /: left out: What must not be in it could not be read, as root/]),
  ).toEqual([]);
  expect([...theirs.files.keys()]).toEqual(expect.arrayContaining([...ALWAYS, ...OF_THE_NETWORK]));
  expect([...theirs.files.keys()].filter((name) => name.startsWith("logs/"))).toEqual([]);
});

it("made by control for its control plane it has the journal, too, and lacks what its confinement hides", async () => {
  await using folder = await folderOfOwn();
  const { file } = await takeDiagnostics(machine().plane, folder.path, undefined);
  const files = await read(file, folder.path);
  const noNetlink = /^network\/(?:addresses\.json|routes6?\.txt|rules\.txt): could not look: ip ended with/;
  expect(unexpected(files, [...NOT_ALLOWED, noNetlink, /^kernel\/dmesg\.txt: could not look: /])).toEqual([]);
  expect([...files.keys()]).toEqual(expect.arrayContaining([...ALWAYS, ...OF_BUILDKIT, "logs/journal/9999.log"]));
  expect(files.get("logs/journal/9999.log")).toMatch(/builder-agent-control\.service\[\d+\] <\d> .*agent\.ready/);
});
