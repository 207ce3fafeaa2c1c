import { expect, it } from "vitest";
import { needsStage } from "../../journeys/stage/whether.ts";
import { changedSince, thisMachine } from "../net/this-machine.ts";
import { RealSandbox, sandbox } from "../real-sandbox.ts";
import { needsTailnet } from "./needs-tailnet.ts";
import { RunningTailnet } from "./running-tailnet.ts";

/** Whole sandboxes, on two cores that others use as well. */
const DEADLINE_MS = 120_000;

needsStage();
needsTailnet("root");

async function nodes(dir: string): Promise<readonly { name: string; tags: readonly string[] }[]> {
  const { stdout } = await sandbox("tailnet", "nodes", "--dir", dir, "--json");
  return JSON.parse(stdout) as { name: string; tags: string[] }[];
}

it(
  "joins by grant and leaves by withdrawal, by a client or by a key, and this machine is as before",
  async () => {
    const before = await thisMachine();
    {
      await using up = await RealSandbox.start();
      await up.ready();
      await using tailnet = new RunningTailnet(up.dir);
      expect(await tailnet.ready()).toMatchObject({ sandboxPid: up.process.pid, privateUrl: "http://10.99.0.10/" });
      for (const how of [
        ["--oauth", "--accept-routes"],
        ["--auth-key", "--required"],
      ]) {
        const granted = await sandbox("tailnet", "grant", "--dir", up.dir, "--json", ...how);
        expect(JSON.parse(granted.stdout)).toMatchObject({ reason: "", joined: true });
        expect(granted.stdout).toMatch(/"name": "builder-.+\.tailnet\.test"/);
        expect((await nodes(up.dir)).map(({ tags }) => tags)).toContainEqual(["tag:builder"]);
        expect((await sandbox("tailnet", "withdraw", "--dir", up.dir)).stdout).toMatch(/^Left after \d+ ms\.$/);
        expect((await nodes(up.dir)).map(({ name }) => name)).toEqual(["hello", "router"]);
      }
    }
    expect(await changedSince(before)).toEqual([]);
  },
  DEADLINE_MS,
);

it(
  "is not sent to a tailnet that was made for another machine",
  async () => {
    await using up = await RealSandbox.start();
    await up.ready();
    await using tailnet = new RunningTailnet(up.dir);
    await tailnet.ready();
    up.process.kill("SIGTERM");
    await up.process;
    await using next = up.again();
    await next.ready();
    const { exitCode, stderr } = await sandbox("tailnet", "grant", "--dir", up.dir);
    expect(stderr).toContain("This tailnet is not reached by the sandbox that is up here");
    expect(exitCode).toBe(69);
  },
  DEADLINE_MS,
);
