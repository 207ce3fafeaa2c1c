import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { makeRuntimeDir } from "../../sandbox/stack/runtime-dir.ts";

const MODULE = fileURLToPath(new URL("../../dist/sandbox/stack/runtime-dir.js", import.meta.url));
const HOLDS = `
const { makeRuntimeDir } = await import(process.argv[1]);
const { path } = await makeRuntimeDir();
process.stdout.write(path);
setInterval(() => undefined, 1_000);
`;

it("with the next directory that anybody makes; what lives, or is nobody's of ours, stays", async () => {
  await using living = await makeRuntimeDir();
  await using older = await makeRuntimeDir();
  await promisify(execFile)("rm", [join(older.path, ".owner")]);
  const killed = spawn(process.execPath, ["--input-type=module", "--eval", HOLDS, MODULE]);
  const [said] = (await once(killed.stdout, "data")) as [Buffer];
  const path = said.toString();
  await writeFile(join(path, "key.pem"), "a key");
  await using beside = await makeRuntimeDir();
  expect([living.path, beside.path, path].filter((dir) => !existsSync(dir))).toEqual([]);
  // Its agent still ends in order.
  await mkdir(join(path, "agent"));
  const agent = createServer().listen(join(path, "agent", "manager.sock"));
  killed.kill("SIGKILL");
  await once(killed, "exit");
  await (await makeRuntimeDir())[Symbol.asyncDispose]();
  expect(existsSync(join(path, "key.pem"))).toBe(true);
  agent.close();
  await (await makeRuntimeDir())[Symbol.asyncDispose]();
  expect(existsSync(path)).toBe(false);
  expect([living.path, beside.path, older.path].filter((dir) => !existsSync(dir))).toEqual([]);
});
