import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it.each([
  { how: "as this program", command: process.execPath },
  { how: "by PATH", command: "node" },
])("$how", async ({ command }) => {
  const { stdout } = await promisify(execFile)(command, ["--version"]);
  expect(stdout.trim()).toBe(process.version);
});
