import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { needsStage, toolPath } from "../journeys/stage/whether.ts";
import { buildctl, RealSandbox, sandbox } from "./real-sandbox.ts";

needsStage();

it("comes by its platform's word, says what a fault does to it, and comes again when that is cleared", async () => {
  await using up = await RealSandbox.start("d", "--evidence", "aws-web-identity");
  await up.ready();
  const metadata = (...args: readonly string[]) => sandbox("metadata", ...args, "--dir", up.dir);
  expect(await readFile(join(up.dir, "attestation.toml"), "utf8")).toContain("[[awsWebIdentity]]");
  expect((await metadata("list")).stdout).toMatch(/^imds +answers rightly +asked \d+ times/);
  expect((await metadata("prove")).stdout).toMatch(/^The machine has proved itself anew/);

  expect((await metadata("fault", "429", "--at", "sts", "--times", "100")).stdout).toMatch(
    /^sts +429 at every path, 100 times more/m,
  );
  const proved = await metadata("prove");
  expect(proved.exitCode).toBe(69);
  expect(proved.stdout).toMatch(/STS in eu-central-1 \(POST \S+\) is asked too often \(429\)/);
  const status = await sandbox("status", "--dir", up.dir);
  expect(status.exitCode).toBe(1);
  expect(status.stdout).toMatch(/machine-certificate: .*STS in eu-central-1 \(POST \S+\) is asked too often \(429\)/);
  expect(proved.stdout + status.stdout).not.toMatch(/eyJ|#n=|ASIA/);

  await metadata("fault", "hop-limit");
  expect((await metadata("prove")).stdout).toContain("raise HttpPutResponseHopLimit");
  expect((await metadata("fault", "v1-only", "--at", "gcp")).stderr).toContain("--at imds");
  expect((await metadata("fault", "nonsense")).exitCode).toBe(64);
  expect((await metadata("clear")).stdout).not.toMatch(/\b429\b|hop-limit/);
  expect((await metadata("prove")).stdout).toMatch(/^The machine has proved itself anew/);

  const ticket = await up.open();
  const workers = await buildctl(toolPath("buildctl") ?? "buildctl", ticket, "debug", "workers");
  expect(workers.stdout).toContain("PLATFORMS");
  const log = await readFile(join(up.dir, "agent.log"), "utf8");
  expect(log).not.toMatch(/eyJ|#n=|ASIA/);
  up.process.kill("SIGINT");
  expect((await up.process).exitCode).toBe(0);
  expect(await readdir(up.dir).catch(() => [])).toEqual([]);
});

it("has no platforms to order anything of when it came by a join token", async () => {
  await using up = await RealSandbox.start();
  await up.ready();
  const { exitCode, stderr } = await sandbox("metadata", "fault", "hang", "--dir", up.dir);
  expect(exitCode).toBe(69);
  expect(stderr).toContain("start one with --evidence");
});
