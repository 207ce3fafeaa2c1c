import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { whyNoBuildkit } from "../buildkit/real-buildkit.ts";
import { BridgedAgent } from "./stage/bridged-agent.ts";
import type { Said } from "./stage/guarded-vm.ts";
import { withoutGuard } from "./stage/without-guard.ts";
import { World } from "./stage/world.ts";

const why = whyNoBuildkit();
const MAIN = fileURLToPath(new URL("../../dist/agent/cli/main.js", import.meta.url));

describe("builder-agent doctor isolation", () => {
  let world: World;
  let agent: BridgedAgent;

  beforeAll(async () => {
    if (why !== undefined) return;
    world = await World.make();
    agent = await BridgedAgent.start(world.dir, world.vm);
    await world.answerBuilds(await agent.order());
  });
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  async function doctor(args: readonly string[] = [], runtimeDir = join(world.dir, "run")): Promise<Said> {
    const words = [MAIN, "doctor", "isolation", "--paths-runtime-dir", runtimeDir, ...args];
    const { command, args: entered } = world.vm.enter(process.execPath, words);
    const child = spawn(command, entered, { stdio: ["ignore", "pipe", "pipe"] });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    return { code: child.exitCode, out, err };
  }

  it("ends with 0 and shows each target where all is as it must be", async () => {
    const { code, out } = await doctor();
    expect(out).toMatch(/^isolated: \d+ targets tried from inside a build's network in \d+ ms\n/);
    expect(out).toMatch(/^\[\+\] {2}instance metadata +169\.254\.169\.254:80 +(refused \(EHOSTUNREACH\)|silent)$/m);
    expect(out).toMatch(/^\[\+\] {2}names \(DNS\) +198\.18\.224\.1:53\/udp +reached \(NXDOMAIN\)$/m);
    expect(out).not.toContain("[-]");
    expect(code).toBe(0);
  });

  it("says the same in JSON, with a version", async () => {
    const { code, out } = await doctor(["--json"]);
    const report = JSON.parse(out) as { readonly findings: readonly { readonly ok: boolean }[] };
    expect(report).toMatchObject({ schemaVersion: 1, isolated: true });
    expect(report.findings.length).toBeGreaterThan(50);
    expect(code).toBe(0);
  });

  it("ends with 69 where nobody can try it, and says what to do", async () => {
    const { code, err } = await doctor([], join(world.dir, "nowhere"));
    expect(err).toContain("It cannot be tried: ask as root or as builder-control, while the agent runs");
    expect(err).toContain(`does not answer at ${join(world.dir, "nowhere", "network.sock")}`);
    expect(code).toBe(69);
  });

  it("has nothing to try where builds have no network", async () => {
    const { code, out } = await doctor(["--network-mode", "none"]);
    expect(out).toMatch(/^Builds have a loopback and no network/);
    expect(code).toBe(0);
  });

  it("ends with 1 without the guard, and shows first what is reached", async () => {
    await withoutGuard(world.vm, async () => {
      const { code, out } = await doctor();
      const [headline, , first] = out.split("\n");
      expect(headline).toMatch(/^not isolated: \d+ of \d+ targets are not as they must be$/);
      expect(first).toMatch(
        /^\[-\] {2}instance metadata +169\.254\.169\.254:80 +reached \(connected\), must be refused$/,
      );
      expect(code).toBe(1);
    });
  });
});
