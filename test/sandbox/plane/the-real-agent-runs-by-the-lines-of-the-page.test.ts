import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fixedPort } from "../../../sandbox/net/fixed-port.ts";
import { inTree } from "../../../sandbox/stack/tree.ts";
import { needsStage } from "../../journeys/stage/whether.ts";
import { paste } from "../pasted.ts";
import { eventually } from "../real-sandbox.ts";
import { RunningPlane } from "./running-plane.ts";

needsStage();

const BLOCK = /<!-- agent:begin -->\n([^]*?)<!-- agent:end -->/;

it("a control plane's author gets a real agent to ready, and a build through it, by the page's own lines", async () => {
  await using plane = await RunningPlane.start();
  const dir = await mkdtemp(join(tmpdir(), "author-"));
  const [gateway, health] = [await fixedPort(), await fixedPort()].map((port) => `127.0.0.1:${port}`);
  const page = await readFile(inTree("docs/control-plane.md"), "utf8");
  const lines = (BLOCK.exec(page)?.[1] ?? "").split("\n").map((line) => line.slice(4));
  const [watch] = lines.filter((line) => line.includes("status --watch"));
  expect(watch).toBeDefined();
  await writeFile(join(dir, "plane-ca.pem"), plane.caPem);
  await writeFile(join(dir, "token"), await plane.token(), { mode: 0o600 });
  const given = `DIR=${dir} PLANE=${plane.endpoint} NAME=${plane.serverName} GATEWAY=${gateway} HEALTH=${health}`;
  const told = await paste("bash", [given, ...lines.filter((line) => line !== watch), "echo pid $!"].join("\n"));
  const [, pid = "0"] = /^pid (\d+)$/m.exec(told.stdout) ?? [];
  try {
    expect({ exitCode: told.exitCode, stderr: told.stderr }).toEqual({ exitCode: 0, stderr: "" });
    await eventually("the machine is ready", async () => {
      const machines = await plane.asked<readonly { readonly ready: boolean }[]>("machines");
      return machines.some(({ ready }) => ready) || undefined;
    });
    const build = ["exec", "--dir", plane.dir, "--org", "acme", "--project", "app", "--machine-address", gateway ?? ""];
    const built = await paste("sh", `npm run --silent plane -- ${build.join(" ")} -- buildctl debug workers`);
    expect(built.stdout).toContain("linux/");
  } finally {
    process.kill(Number(pid), "SIGTERM");
    await eventually("the agent has ended", () => !isAlive(Number(pid)) || undefined);
    await rm(dir, { recursive: true, force: true });
  }
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
