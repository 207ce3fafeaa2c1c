import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { networkInForce } from "../../agent/adapters/network/network-in-force.ts";
import type { AppliedNetwork } from "../../agent/core/network/order.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import { eventually } from "../buildkit/real-buildkit.ts";
import { GuardedVm, whyNoGuardedVm } from "./stage/guarded-vm.ts";
import { Step } from "./stage/step.ts";
import { World } from "./stage/world.ts";

const why = process.getuid?.() === 0 ? whyNoGuardedVm() : "network namespaces need root";
const MAIN = fileURLToPath(new URL("../../dist/agent/cli/main.js", import.meta.url));
const WATCH = inTree("tools/image/deb/files/watch-network");

/** Notes each run before it is one. */
const NOTED = ["sh", "-c", 'echo run >>"$0"; exec "$@"'] as const;

describe("the network of builds, watched as on a builder", () => {
  let world: World;
  let vm: GuardedVm;
  let watcher: ChildProcess;
  let whole: string;

  beforeAll(async () => {
    if (why !== undefined) return;
    world = await World.make();
    vm = await GuardedVm.make(world);
    await vm.apply();
    whole = await guard();
    watcher = watch();
    await restored(1);
  }, 60_000);
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(async () => {
    if (watcher !== undefined) await stopWatching();
    await world?.[Symbol.asyncDispose]();
  });

  async function stopWatching(): Promise<void> {
    const gone = once(watcher, "exit");
    watcher.kill("SIGTERM");
    await gone;
  }

  /** As its unit starts it, but for where the machine's files are. */
  function watch(): ChildProcess {
    const files = [stateFile(), join(world.dir, "machines-resolv.conf"), "/proc/sys/net/ipv4/ip_forward"];
    const program = [process.execPath, MAIN, "network", "restore", "--config", vm.configFile];
    const { command, args } = world.vm.enter(WATCH, [...files, "--", ...NOTED, runsFile(), ...program]);
    return spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
  }

  const stateFile = (): string => join(vm.runtimeDir, "network/network.json");
  const runsFile = (): string => join(world.dir, "runs");
  const guard = (): Promise<string> => world.vm.run("nft", ["--stateless", "--terse", "list", "ruleset"]);

  async function runs(): Promise<number> {
    return (await readFile(runsFile(), "utf8").catch(() => "")).split("\n").filter(Boolean).length;
  }

  async function restored(count: number): Promise<void> {
    await eventually(async () => (await runs()) >= count, `${count} runs`);
  }

  it.each([
    [["flush", "ruleset"]],
    [["delete", "table", "inet", "builder_agent"]],
    [["flush", "chain", "inet", "builder_agent", "from_builds"]],
  ])("has its guard back, without an order, after nft %j", { timeout: 60_000 }, async (deed) => {
    const before = await runs();
    await world.vm.run("nft", deed);
    await restored(before + 1);
    await eventually(async () => (await guard()) === whole, "the guard is in force again");
  });

  it("forwards again, and has its link's addresses again", { timeout: 60_000 }, async () => {
    await world.vm.run("sysctl", ["-qw", "net.ipv4.ip_forward=0"]);
    const forwards = async (): Promise<boolean> =>
      (await world.vm.run("sysctl", ["-n", "net.ipv4.ip_forward"])) === "1\n";
    await eventually(forwards, "the machine forwards");
    await world.vm.run("ip", ["address", "flush", "dev", "builds0", "scope", "global"]);
    const address = (): Promise<string> => world.vm.run("ip", ["-brief", "address", "show", "builds0"]);
    await eventually(async () => (await address()).includes("198.18.224.1/20"), "the link has its addresses");
  });

  it("goes on for a step that runs when the machine's link was deleted: its own cable is another", {
    timeout: 60_000,
  }, async () => {
    await using step = await Step.make(world.vm, vm.conflistFile);
    const way = { host: "203.0.113.10", port: 80 };
    const names = { host: "198.18.224.1", port: 53, via: "dns-udp" as const };
    expect(await step.try([way, names])).toEqual(["answered", "answered"]);
    await world.vm.run("ip", ["link", "delete", "builds0"]);
    expect(await step.try([way, names])).toEqual(["answered", "answered"]);
    const links = (): Promise<string> => world.vm.run("ip", ["-brief", "address", "show"]);
    await eventually(async () => /^builds0 .*198\.18\.224\.3\/20/m.test(await links()), "the link is there again");
    expect(await step.try([way, names])).toEqual(["answered", "answered"]);
  });

  it("tells of a machine that changed around it: a range that overlaps, another resolver", {
    timeout: 60_000,
  }, async () => {
    const over = new AbortController();
    const told = networkInForce(stateFile(), systemClock(), over.signal);
    const next = async (): Promise<AppliedNetwork | undefined> => (await told.next()).value ?? undefined;
    expect(await next()).toMatchObject({ collisions: [] });
    await world.vm.run("ip", ["route", "add", "198.18.0.0/15", "via", "10.20.0.1"]);
    expect(await next()).toMatchObject({ collisions: ["198.18.0.0/15"] });
    await world.vm.run("ip", ["route", "delete", "198.18.0.0/15"]);
    expect(await next()).toMatchObject({ collisions: [] });
    await writeFile(join(world.dir, "machines-resolv.conf"), "nameserver 10.20.0.54\n");
    expect((await next())?.resolvers).toEqual(["10.20.0.54"]);
    over.abort();
    expect((await told.next()).done).toBe(true);
  });

  it("is not looked at for a step that comes and goes", { timeout: 120_000 }, async () => {
    // Twice as long as from a change to the look at it.
    const atRest = async (): Promise<number> => {
      for (let last = await runs(); ; ) {
        await sleep(6_000);
        const now = await runs();
        if (now === last) return now;
        last = now;
      }
    };
    // One that has run as often as the tests before made it would pause for a minute.
    await stopWatching();
    watcher = watch();
    const before = await atRest();
    for (let count = 0; count < 3; count += 1)
      await (await Step.make(world.vm, vm.conflistFile))[Symbol.asyncDispose]();
    expect(await atRest()).toBe(before);
    await world.vm.run("nft", ["delete", "table", "inet", "builder_agent"]);
    await restored(before + 1);
  });
});
