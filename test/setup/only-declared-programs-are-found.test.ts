import { execFile } from "node:child_process";
import { readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, it } from "vitest";
import { TOOL_ENVIRONMENT } from "../../agent/adapters/network/run-tool.ts";
import { ENVIRONMENT as PROBE_ENVIRONMENT } from "../../agent/adapters/network-probe/command.ts";
import { ENVIRONMENT as VOLUME_ENVIRONMENT } from "../../agent/adapters/volume/programs.ts";
import { programEnvironment } from "../../agent/core/program-environment.ts";
import { declaredPath } from "../../tools/check/declared-path.mjs";
import { missingIn } from "../../tools/check/missing-programs-reporter.mjs";
import { basePrograms } from "../../tools/setup/base-programs.mjs";
import { debianTable } from "../../tools/setup/debian-table.mjs";

let folder = "";
beforeAll(async () => {
  folder = await declaredPath(["test"], process.execPath);
});

const found = (program: string): Promise<unknown> =>
  promisify(execFile)("sh", ["-c", 'command -v -- "$1"', "sh", program], { env: { PATH: folder } });

it("finds all that is declared, and every link leads to a program", () => {
  const names = readdirSync(folder);
  const base = Object.values(basePrograms).flat();
  expect(names).toEqual(
    expect.arrayContaining([...base, "node", "git", "go", "nft", "packer", "promtool", "buildctl"]),
  );
  const broken = names.filter((name) => (statSync(join(folder, name)).mode & 0o111) === 0);
  expect(broken).toEqual([]);
});

it("runs the tests' own Node", () => {
  expect(realpathSync(join(folder, "node"))).toBe(realpathSync(process.execPath));
});

it("does not find a program that every Debian machine has, but nobody declares", async () => {
  expect(statSync("/usr/bin/passwd").isFile()).toBe(true);
  await expect(found("passwd")).rejects.toMatchObject({ code: 127 });
  await expect(found("nft")).resolves.toBeDefined();
});

it("does not find what another profile declares, installed or not", () => {
  const declared = new Set(readdirSync(folder));
  for (const name of ["haproxy", "nginx", "qemu-system-x86"])
    expect(debianTable[name]?.programs?.filter((program) => declared.has(program))).toEqual([]);
});

it("is all that a test finds when npm test runs it", () => {
  if (process.env["BUILDER_AGENT_TALLY"] === undefined) return;
  const path = process.env["PATH"]?.split(":") ?? [];
  expect(path.filter((each) => !/\/programs-[0-9a-f]{16}$/.test(each))).toEqual([]);
});

it.each([
  { of: "the builds' network", environment: TOOL_ENVIRONMENT },
  { of: "the network's probe", environment: PROBE_ENVIRONMENT },
  { of: "the cache volume", environment: VOLUME_ENVIRONMENT },
])("is where the agent itself looks for programs of $of", ({ environment }) => {
  expect(environment).toEqual(programEnvironment(process.env["PATH"]));
});

it("stays the same folder for whoever asks from within it", async () => {
  const script = 'import(process.argv[1]).then((it) => it.declaredPath(["test"], process.execPath)).then(console.log)';
  const module = new URL("../../tools/check/declared-path.mjs", import.meta.url).href;
  const { stdout } = await promisify(execFile)("node", ["-e", script, module], {
    env: { ...process.env, PATH: folder },
  });
  expect(stdout.trim()).toBe(folder);
});

it.each([
  {
    what: "of a package that another profile names",
    words: "spawn qemu-img ENOENT",
    says: [
      "qemu-img comes with Debian's package qemu-utils, which no profile of this run names: tools/setup/profiles.mjs",
    ],
  },
  {
    what: "of a Go module that another profile names",
    words: 'exec: "headscale": executable file not found in $PATH',
    says: [
      "headscale comes with the Go module tools/headscale, which no profile of this run names: tools/setup/profiles.mjs",
    ],
  },
  {
    what: "of the base system",
    words: "bash: line 3: mount: command not found",
    says: ["mount is in tools/setup/base-programs.mjs, and was not found all the same"],
  },
  {
    what: "that nobody declares",
    words: "out\nsh: 1: tcpdump: not found\nsetpriv: failed to execute tcpdump: No such file or directory",
    says: [
      "nobody declares tcpdump: name it in tools/setup/debian-table.mjs, or tools/setup/base-programs.mjs if every Debian machine has it",
    ],
  },
  { what: "none", words: "cat: /no/file: No such file or directory", says: [] },
])("says of a program that was not found who has to declare it: one $what", ({ words, says }) => {
  expect(missingIn(words)).toEqual(says);
});
