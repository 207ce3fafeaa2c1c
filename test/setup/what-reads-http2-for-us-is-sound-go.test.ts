import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { inTree } from "../../sandbox/stack/tree.ts";

const execute = promisify(execFile);
const cwd = inTree("tools/h2reader");
const env = { ...process.env, CGO_ENABLED: "0", GOWORK: "off" };

async function versions(tool: string): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(inTree(`tools/${tool}/go.mod`), "utf8");
  return new Map([...text.matchAll(/^\s+(\S+) (v\S+)/gm)].map(([, module = "", version = ""]) => [module, version]));
}

it("has every module in the version that BuildKit is built of", async () => {
  const buildkit = await versions("buildkit");
  const ours = await versions("h2reader");
  expect([...ours.keys()]).toContain("golang.org/x/net");
  for (const [module, version] of ours) expect([module, version]).toEqual([module, buildkit.get(module)]);
});

it("is formatted as gofmt wants it", async () => {
  const sources = (await readdir(cwd)).filter((name) => name.endsWith(".go"));
  const { stdout } = await execute("gofmt", ["-l", ...sources], { cwd, env });
  expect(stdout).toBe("");
});

it("has nothing that go vet objects to", { timeout: 180_000 }, async () => {
  await expect(execute("go", ["vet", "."], { cwd, env })).resolves.toBeDefined();
});
