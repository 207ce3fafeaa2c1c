import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { takeDiagnostics } from "../../sandbox/admin/diagnostics.ts";
import { folderOfOwn, listed, unpacked } from "../bundle/unpacked.ts";
import { eventually } from "../journeys/stage/eventually.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();

/** What each bundle of a machine has that runs, whoever makes it. */
const ALWAYS = [
  ...["config.json", "status.json", "checks.txt", "tasks.json", "metrics.txt", "manifest.json", "redactions.json"],
  ...["units/show.txt", "units/cgroups.txt", "kernel/uname.txt", "kernel/memory.txt", "kernel/processes.txt"],
  ...["disks/space.txt", "disks/inodes.txt", "disks/mounts.txt", "files.txt"],
];

/** "path: why it lacks", of what a test does not expect to lack. */
function unexpected(files: ReadonlyMap<string, string>, expected: readonly RegExp[]): readonly string[] {
  const lines = (files.get("errors.txt") ?? "").split("\n").filter((line) => line !== "");
  return lines.filter((line) => !expected.some((pattern) => pattern.test(line)));
}

/** By this program with these arguments before `builder-agent`; as a person finds it. */
async function made(within: readonly string[]) {
  const { container, disk } = machine();
  await container.run("install", ["-d", "-m", "1777", "/var/tmp/bundles"]);
  const command = [...within, "builder-agent", "bundle", "--output", "/var/tmp/bundles"];
  const said = await container.run("sh", ["-c", '"$@" 2>&1; echo "rc $?"', "sh", ...command]);
  const there = join(disk.root, "var/tmp/bundles");
  const [name = ""] = await readdir(there).catch(() => []);
  const folder = await folderOfOwn();
  const file = join(folder.path, "b.tar.gz");
  await cp(join(there, name), file);
  await container.run("rm", ["-r", "/var/tmp/bundles"]);
  for (const line of await listed(file))
    expect(line).toMatch(/^-rw------- 0\/0 +\d+ \S+ \S+ builder-agent-[^/]+Z\/[^/]/);
  return {
    said,
    name,
    files: await unpacked(file, folder.path),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Of a machine in a container, and where debug pages are off. */
const NOT_HERE = [
  /^buildkit\/(goroutines|metrics)\.txt: is not there: .*debugSocket is off/,
  /^logs\/launcher: is not there: /,
  /^buildkit\/prepared\.json: is not there: /,
  /^clock\/chrony\.txt: /,
];

it("made by root it has the journal, units, guard and disks", async () => {
  await eventually("it is looked at", async () => machine().plane.machines()[0]?.observed);
  await using root = await made([]);
  console.log(root.said, root.files.get("errors.txt"), [...root.files.keys()].join(" "));
  expect(root.said).toMatch(/rc 0\n$/);
});
it("op", async () => {
  await using op = await made(["setpriv", "--reuid=nobody", "--regid=builder-agent-operators", "--clear-groups", "--"]);
  console.log(op.said, op.files.get("errors.txt"), [...op.files.keys()].join(" "));
});
it("control", async () => {
  await using folder = await folderOfOwn();
  const { file } = await takeDiagnostics(machine().plane, folder.path, undefined);
  const files = await unpacked(file, folder.path);
  console.log(files.get("errors.txt"), [...files.keys()].join(" "));
  void ALWAYS;
  void unexpected;
  void NOT_HERE;
});
