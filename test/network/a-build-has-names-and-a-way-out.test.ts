import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventually, whyNoBuildkit } from "../buildkit/real-buildkit.ts";
import { BridgedAgent } from "./stage/bridged-agent.ts";
import { World } from "./stage/world.ts";

const why = whyNoBuildkit();

/** What one TCP connection says: what came back, or how it failed. */
const ask = (address: string): string => `echo | busybox nc -w 3 ${address} 80 2>&1; echo ended $?`;

const never = new AbortController().signal;

/** Addresses that are given away. */
async function leases(dir: string): Promise<readonly string[]> {
  const names = await readdir(join(dir, "builder-agent")).catch(() => []);
  return names.filter((name) => name !== "lock" && !name.startsWith("last_reserved_ip"));
}

describe("a build with a network", () => {
  let world: World;
  let agent: BridgedAgent;

  beforeAll(async () => {
    if (why !== undefined) return;
    world = await World.make();
    agent = await BridgedAgent.start(world.dir, world.vm);
    await agent.order();
    await agent.up();
  });
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  it("asks the machine for names, which asks whom the machine asks", async () => {
    const said = await agent.step("busybox cat /etc/resolv.conf; busybox nslookup -type=a nobody.example 2>&1 || true");
    expect(said).toContain("nameserver 198.18.224.1\nnameserver fd4e:9a31:c70b::1\n");
    expect(said).toContain("NXDOMAIN");
  });

  it.each(["203.0.113.10", "2001:db8:113::10"])("reaches %s on the internet", async (address) => {
    expect(await agent.step(ask(address))).toContain("something secret");
  });

  it("does not reach a private address, and is told so at once", async () => {
    const begun = performance.now();
    expect(await agent.step(ask("10.20.0.80"))).toMatch(/No route to host|ended 1/);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it("gives each step's address back", async () => {
    await agent.unit.stop(10_000, never);
    expect(await leases(agent.layout.networkLeasesDir)).toEqual([]);
    await agent.up();
  });

  it("gives back the addresses of steps that were killed with BuildKit, at its next start", async () => {
    const killed = agent.step("busybox sleep 60").catch((failure: unknown) => failure);
    await eventually(async () => (await leases(agent.layout.networkLeasesDir)).length > 0, "a step has an address");
    const pid = agent.lines.findLast(({ event }) => event === "buildkit.started")?.["buildkitPid"];
    process.kill(Number(pid), "SIGKILL");
    expect(await killed).toBeInstanceOf(Error);
    await agent.up();
    await agent.unit.stop(10_000, never);
    expect(await leases(agent.layout.networkLeasesDir)).toEqual([]);
    // The kernel takes a network namespace apart a little after its last process has ended.
    await eventually(async () => {
      const links = await world.vm.run("ip", ["-brief", "link", "show", "type", "veth"]);
      return links.split("\n").every((line) => !line.startsWith("veth"));
    }, "no cable is left");
  });
});
