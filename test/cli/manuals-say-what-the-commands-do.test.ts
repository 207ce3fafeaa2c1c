import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KEYS } from "../../agent/cli/config/keys.ts";
import { manPage } from "../../agent/cli/manual/man-page.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { putManuals } from "../../tools/image/deb/manuals.mjs";
import { MAIN } from "./agent-process.ts";
import { runCli } from "./recorded-cli.ts";

const SAID = ["run", "gateway", "control", "status", "drain", "reconnect", "logs", "doctor", "config", "version"];

let dir: TempDir;
beforeAll(async () => {
  dir = await TempDir.make("/tmp/manuals-");
});
afterAll(() => dir[Symbol.asyncDispose]());

describe("bash completes", () => {
  let script: string;
  beforeAll(async () => {
    script = join(dir.path, "completion.bash");
    await writeFile(script, (await runCli(["completion", "bash"])).out);
  });

  async function completed(...words: string[]): Promise<readonly string[]> {
    const line = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _builder_agent; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await promisify(execFile)("bash", ["-c", line, "bash", script, "builder-agent", ...words]);
    return stdout.split("\n").filter((word) => word !== "");
  }

  it.each([
    { words: ["dr"], finds: ["drain"] },
    { words: ["re"], finds: ["reconnect"] },
    { words: ["config", "s"], finds: ["show", "schema"] },
    { words: ["doctor", "is"], finds: ["isolation"] },
    { words: ["drain", "--d"], finds: ["--deadline", "--detach", "--debug"] },
    { words: ["logs", "--level", ""], finds: ["debug", "info", "warn", "error"] },
    { words: ["logs", "--unit", "g"], finds: ["gateway"] },
    { words: ["status", "--json", "--w"], finds: ["--watch"] },
    { words: ["completion", "--"], finds: [] },
  ])("$words", async ({ words, finds }) => {
    expect((await completed(...words)).toSorted()).toEqual(finds.toSorted());
  });

  it("every command that the help names, and none that is hidden", async () => {
    const found = await completed("");
    expect(found).toEqual(expect.arrayContaining(SAID));
    expect(found).not.toContain("man");
  });

  it("the name of a file behind an option that takes one", async () => {
    await writeFile(join(dir.path, "agent.toml"), "");
    expect(await completed("status", "--config", join(dir.path, "agent.t"))).toEqual([join(dir.path, "agent.toml")]);
  });
});

it.each(["zsh", "fish"])("%s gets every command, with quotes that close", async (shell) => {
  const { code, out } = await runCli(["completion", shell]);
  expect(code).toBe(0);
  for (const command of SAID) expect(out).toContain(command);
  for (const line of out.split("\n")) expect((line.match(/'/g) ?? []).length % 2).toBe(0);
});

it("refuses another shell", async () => {
  expect(await runCli(["completion", "tcsh"])).toMatchObject({
    code: 64,
    err: expect.stringContaining("Allowed choices are bash, zsh, fish") as unknown,
  });
});

it("has a manual with every command, option of its own, key, exit code, and nothing that troff would take for its own", async () => {
  const { out } = await runCli(["man"]);
  for (const command of SAID) expect(out).toMatch(new RegExp(`^\\.SS builder\\\\-agent ${command}`, "m"));
  for (const { path } of KEYS) expect(out).toContain(`.B ${path}\n`);
  expect(out).toContain(".B \\-\\-deadline <time>");
  for (const code of [0, 1, 64, 65, 69, 70, 75, 77, 78]) expect(out).toContain(`\n.B ${code}\n`);
  const requests = new Set([...out.matchAll(/^\.\w+/gm)].map(([request]) => request));
  expect([...requests].toSorted()).toEqual([".B", ".BR", ".I", ".PP", ".SH", ".SS", ".TH", ".TP"]);
  expect(out).not.toMatch(/^'/m);
  // The escapes that it makes itself, and no other.
  expect(out.replaceAll(/\\(?:-|e|&|\(lq|\(rq|f[BIR])/g, "")).not.toContain("\\");
});

it("writes what troff would read as its own so that it stays text", () => {
  const option = { long: "--x", short: undefined, takesValue: false, choices: [], isConfiguration: false };
  const command = { name: "x", path: "x", summary: "a \\ b", notes: "'c", under: [] };
  const page = manPage([{ ...command, options: [{ ...option, flags: "--x", description: ".d" }] }], {
    version: "1",
    description: "e",
    exitCodes: [],
  });
  expect(page).toContain("\nA \\e b.\n");
  expect(page).toContain("\n\\&'c\n");
  expect(page).toContain(".B \\-\\-x\n\\&.d\n");
});

it("puts them where Debian looks, as the packed agent says them", async () => {
  await putManuals(MAIN, dir.path);
  const at = (place: string) => readFile(join(dir.path, "usr/share", place));
  expect(gunzipSync(await at("man/man8/builder-agent.8.gz")).toString()).toBe((await runCli(["man"])).out);
  expect((await at("bash-completion/completions/builder-agent")).toString()).toBe(
    (await runCli(["completion", "bash"])).out,
  );
  expect((await at("zsh/vendor-completions/_builder-agent")).toString()).toMatch(/^#compdef builder-agent\n/);
  expect((await at("fish/vendor_completions.d/builder-agent.fish")).toString()).toContain("complete -c builder-agent");
});
