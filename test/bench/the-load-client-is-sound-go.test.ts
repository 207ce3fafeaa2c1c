import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { packageDir } from "../../bench/process/toolchain.ts";

const execute = promisify(execFile);
const cwd = join(packageDir, "bench", "client");
const env = { ...process.env, CGO_ENABLED: "0", GOWORK: "off" };

describe("the load client's Go", () => {
  it("is formatted as gofmt wants it", async () => {
    const sources = (await readdir(cwd)).filter((name) => name.endsWith(".go"));
    const { stdout } = await execute("gofmt", ["-l", ...sources], { cwd, env });
    expect(stdout).toBe("");
  });

  it("has nothing that go vet objects to", { timeout: 180_000 }, async () => {
    await expect(execute("go", ["vet", "."], { cwd, env })).resolves.toBeDefined();
  });
});
