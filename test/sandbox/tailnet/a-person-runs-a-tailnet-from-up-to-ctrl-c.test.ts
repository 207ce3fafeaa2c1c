import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { TempDir } from "../../../sandbox/stack/temp-dir.ts";
import { eventually, sandbox } from "../real-sandbox.ts";
import { processesNaming } from "../traces.ts";
import { needsTailnet } from "./needs-tailnet.ts";
import { RunningTailnet } from "./running-tailnet.ts";

needsTailnet();

const PREFIX = join(tmpdir(), "tailnet-test-");

it("is told what to do with it, looks at it, and leaves nothing behind", async () => {
  await using parent = await TempDir.make(PREFIX);
  const dir = join(parent.path, "d");
  await using running = new RunningTailnet(dir);
  const { runtimeDir, clientSecret, coordinationUrl, apiUrl, pageUrl, sandboxPid } = await running.ready();
  expect(sandboxPid).toBeUndefined();
  expect((await stat(join(dir, "tailnet.json"))).mode & 0o777).toBe(0o600);
  expect((await fetch(`${coordinationUrl}/health`)).status).toBe(200);
  expect((await fetch(apiUrl)).status).toBe(404);
  const nodes: unknown = JSON.parse((await sandbox("tailnet", "nodes", "--dir", dir, "--json")).stdout);
  expect(nodes).toMatchObject([{ name: "hello", online: true, tags: [] }]);
  expect((await sandbox("tailnet", "key", "--dir", dir)).stdout).toMatch(/^\w{40,}$/);
  expect((await sandbox("tailnet", "up", "--dir", dir)).stderr).toContain("A tailnet is up in");
  expect((await sandbox("tailnet", "grant", "--dir", dir)).stderr).toContain("No sandbox answers in");
  expect((await sandbox("tailnet", "grant", "--dir", dir, "--oauth", "--auth-key")).exitCode).toBe(64);

  running.process.kill("SIGINT");
  const { exitCode, stdout, stderr } = await running.process;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  for (const told of [coordinationUrl, apiUrl, pageUrl, "tailnet key --dir"]) expect(stdout).toContain(told);
  expect(stdout).not.toContain(clientSecret);
  expect(existsSync(dir)).toBe(false);
  expect(existsSync(runtimeDir)).toBe(false);
  expect(await processesNaming(runtimeDir)).toEqual([]);
});

it("takes its daemons along when it is killed, and gives way to the next one in its directory", async () => {
  await using parent = await TempDir.make(PREFIX);
  const dir = join(parent.path, "d");
  await using killed = new RunningTailnet(dir);
  const { runtimeDir } = await killed.ready();
  killed.process.kill("SIGKILL");
  await killed.process;
  const left = async () => ((await processesNaming(runtimeDir)).length === 0 ? true : undefined);
  await eventually("its daemons to end", left);
  expect((await sandbox("tailnet", "nodes", "--dir", dir)).stderr).toContain("No tailnet is up in");

  await using next = new RunningTailnet(dir);
  await next.ready();
  expect(existsSync(runtimeDir)).toBe(false);
  expect((await sandbox("tailnet", "down", "--dir", dir)).stdout).toContain("The tailnet is down.");
  expect((await next.process).exitCode).toBe(0);
  expect(existsSync(join(dir, "tailnet.json"))).toBe(false);
});

it("ends in good order when it is told to before it is ready", async () => {
  await using parent = await TempDir.make(PREFIX);
  const dir = join(parent.path, "d");
  await using running = new RunningTailnet(dir);
  await eventually("its directory", () => existsSync(dir) || undefined);
  running.process.kill("SIGINT");
  const { exitCode, stderr } = await running.process;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(existsSync(dir)).toBe(false);
});
