import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { networkOf } from "../../sandbox/net/inhabitants.ts";
import { eventually } from "../buildkit/real-buildkit.ts";
import { thisMachine } from "../sandbox/net/this-machine.ts";
import { needsNamespaces, whyNoNamespace } from "../sandbox/net/whether.ts";
import { GuardedVm, whyNoGuardedVm } from "./stage/guarded-vm.ts";
import { World } from "./stage/world.ts";

needsNamespaces();
const why = whyNoNamespace() ?? whyNoGuardedVm();

describe("a verification", () => {
  let world: World;
  let vm: GuardedVm;
  let networkDir: string;
  let leasesDir: string;
  let machineBefore: unknown;
  let before: unknown;

  beforeAll(async () => {
    if (why !== undefined) return;
    machineBefore = await thisMachine();
    world = await World.make();
    vm = await GuardedVm.make(world);
    networkDir = join(vm.runtimeDir, "network");
    leasesDir = join(networkDir, "leases", "builder-agent");
    await vm.apply();
    // Once, so that the plugin's own files are there.
    await vm.verify();
    before = await remains();
  });
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  /** All that it could leave in the VM. */
  async function remains() {
    const ip = (...args: readonly string[]): Promise<string> => world.vm.run("ip", args);
    const links = (await ip("-oneline", "link")).split("\n").map((line) => line.split(/: |@/)[1] ?? "");
    return {
      links,
      routes: [await ip("-4", "route"), await ip("-6", "route", "show", "table", "all", "type", "unicast")].map(
        settled,
      ),
      rules: [await ip("-4", "rule"), await ip("-6", "rule")],
      nftables: await world.vm.run("nft", ["--terse", "list", "ruleset"]),
      leases: await leases(),
      files: (await readdir(networkDir)).toSorted(),
      listening: await listening(),
      resolver: await world.vm.run("cat", ["/etc/resolv.conf"]),
    };
  }

  /** Connections that were closed are remembered for a minute, and are nobody's. */
  const listening = async (): Promise<readonly string[]> => {
    const lines = (await readFile(`/proc/${world.vm.pid}/net/tcp`, "utf8")).split("\n");
    return lines.filter((line) => / 0A /.test(line)).map((line) => line.trim().split(/\s+/)[1] ?? "");
  };

  const leases = async (): Promise<readonly string[]> =>
    (await readdir(leasesDir)).filter((name) => name !== "lock" && !name.startsWith("last_reserved_ip")).toSorted();

  /** One that is under way: both steps are on the network. Gives its probes. */
  async function underWay() {
    const { child: verifier, connection } = await vm.startVerification();
    const pid = verifier.pid ?? 0;
    await eventually(async () => (await leases()).length >= 4, "both steps have their addresses");
    const probes = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(" ").map(Number);
    return { verifier, connection, probes };
  }

  const gone = async (pids: readonly number[]): Promise<boolean> =>
    (await Promise.all(pids.map(networkOf))).every((network) => network === undefined);

  it("leaves the VM and this machine as they were", async () => {
    await vm.verify();
    expect(await remains()).toEqual(before);
    expect(await thisMachine()).toEqual(machineBefore);
  });

  it("may run beside another one", async () => {
    const reports = await Promise.all([vm.verify(), vm.verify()]);
    for (const { findings } of reports) expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    expect(await remains()).toEqual(before);
  });

  it.each([
    { what: "its asker has gone", end: "input" },
    { what: "it is told to end", end: "SIGTERM" },
  ] as const)("takes everything away when $what", async ({ end }) => {
    const { verifier, connection, probes } = await underWay();
    const closed = once(verifier, "close");
    connection.resume();
    if (end === "input") connection.destroy();
    else verifier.kill(end);
    await closed;
    expect(await gone(probes)).toBe(true);
    expect(await remains()).toEqual(before);
  });

  it("leaves no process, link or namespace when it is killed, and the next one gives its addresses back", async () => {
    const { verifier, probes } = await underWay();
    expect(probes.length).toBeGreaterThanOrEqual(2);
    const closed = once(verifier, "close");
    verifier.kill("SIGKILL");
    await closed;
    await eventually(() => gone(probes), "the probes end with it");
    await eventually(async () => (await remains()).links.every((link) => !link.startsWith("veth")), "its links go");
    expect((await leases()).length).toBeGreaterThanOrEqual(4);
    await vm.verify();
    expect(await remains()).toEqual(before);
  });

  it("clears a note that was cut short, and touches nothing else there", async () => {
    await writeFile(join(networkDir, "builder-agent-probe-999999999-x-a.json"), '{"containerId":');
    await vm.verify();
    expect(await remains()).toEqual(before);
  });
});

/** Without what counts down. */
function settled(text: string): string {
  return text.replaceAll(/ (expires \S+|linkdown)/g, "").replaceAll(/^.*fe80::.*\n/gm, "");
}
