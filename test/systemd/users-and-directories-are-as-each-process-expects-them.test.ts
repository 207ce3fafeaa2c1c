import { readFileSync, statSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { layoutOf } from "../../agent/cli/layout.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import { said } from "./tool.ts";

const STATE_DIR = "/var/lib/builder-agent";
const LAYOUT = layoutOf({ stateDir: STATE_DIR, runtimeDir: "/run/builder-agent", cacheDir: `${STATE_DIR}/cache` });
const isRoot = process.getuid?.() === 0;

let root: TempDir;
let output = "";
beforeAll(async () => {
  root = await TempDir.make("/tmp/machine-");
  for (const kind of ["sysusers.d", "tmpfiles.d"])
    await cp(inTree(`systemd/${kind}`), join(root.path, "usr/lib", kind), { recursive: true });
  await mkdir(join(root.path, "etc"));
  if (!isRoot) return;
  // Debian's own, in an image.
  await cp("/usr/lib/sysusers.d/systemd-journal.conf", join(root.path, "usr/lib/sysusers.d/systemd-journal.conf"));
  output = [
    await said("systemd-sysusers", [`--root=${root.path}`]),
    await said("systemd-tmpfiles", ["--create", `--root=${root.path}`, "builder-agent.conf"]),
  ]
    .filter(({ code }) => code !== 0)
    .map((end) => end.output)
    .join("\n");
});
afterAll(() => root[Symbol.asyncDispose]());
beforeEach(({ skip }) => {
  if (!isRoot) skip("giving a file to another user needs root");
});

function names(file: "passwd" | "group"): ReadonlyMap<number, string> {
  const lines = readFileSync(join(root.path, "etc", file), "utf8")
    .trim()
    .split("\n");
  const made = lines.map((line) => line.split(":")).map(([name = "", , id]) => [Number(id), name] as const);
  return new Map([[0, "root"], ...made]);
}

it("makes all of them without a complaint", () => {
  expect(output).toBe("");
});

it("lets gateway and control meet, and control read the journal", () => {
  const groups = readFileSync(join(root.path, "etc/group"), "utf8").trim().split("\n");
  const members = new Map(groups.map((line) => line.split(":")).map(([name = "", , , who = ""]) => [name, who]));
  expect(members.get("builder-agent")?.split(",").toSorted()).toEqual(["builder-control", "builder-gateway"]);
  expect(members.get("builder-agent-operators")).toBe("");
  expect(members.get("systemd-journal")?.split(",")).toContain("builder-control");
});

it.each([
  ["/run/builder-agent", 0o755, "root", "root"],
  [LAYOUT.gatewayDir, 0o2750, "builder-gateway", "builder-agent"],
  [LAYOUT.controlDir, 0o750, "builder-control", "builder-agent"],
  [LAYOUT.operatorsDir, 0o2750, "builder-control", "builder-agent-operators"],
  [LAYOUT.buildkitDir, 0o750, "root", "builder-agent"],
  [join(LAYOUT.buildkitConfigFile, ".."), 0o700, "root", "root"],
  [LAYOUT.volumeRuntimeDir, 0o700, "root", "root"],
  [LAYOUT.networkLeasesDir, 0o755, "root", "root"],
  [LAYOUT.networkResolvConf, 0o644, "root", "root"],
  [STATE_DIR, 0o755, "root", "root"],
  [LAYOUT.recordsDir, 0o700, "builder-control", "builder-control"],
  [LAYOUT.volumeStateDir, 0o700, "root", "root"],
  [LAYOUT.cacheDir, 0o700, "root", "root"],
] as const)("%s is there for those who need it", (path, mode, user, group) => {
  const { mode: found, uid, gid } = statSync(join(root.path, path));
  expect([found & 0o7777, names("passwd").get(uid), names("group").get(gid)]).toEqual([mode, user, group]);
});
