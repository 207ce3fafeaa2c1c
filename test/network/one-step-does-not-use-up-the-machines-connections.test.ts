import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { needsNamespaces, whyNoNamespace } from "../sandbox/net/whether.ts";
import { GuardedVm, whyNoGuardedVm } from "./stage/guarded-vm.ts";
import { Step } from "./stage/step.ts";
import { World } from "./stage/world.ts";

needsNamespaces();
const why = whyNoNamespace() ?? whyNoGuardedVm();

/** What the guard says, and then some: a thousand more than it lets through. */
const LIMIT = 4096;
const TRIED = LIMIT + 1_000;

/** A datagram to so many ports of one host: each is a connection of its own to the kernel. */
const FLOOD = (host: string, type: string): string => `
  const socket = require("node:dgram").createSocket("${type}");
  socket.on("error", () => undefined);
  let port = 1_000;
  const some = () => {
    for (let count = 0; count < 100 && port < ${1_000 + TRIED}; count += 1, port += 1) socket.send("x", port, "${host}");
    if (port < ${1_000 + TRIED}) setTimeout(some, 5);
    else setTimeout(() => process.exit(), 50);
  };
  some();`;

describe("the machine's table of connections", () => {
  let world: World;
  let vm: GuardedVm;

  beforeAll(async () => {
    if (why !== undefined) return;
    world = await World.make();
    vm = await GuardedVm.make(world);
    await vm.apply();
  });
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(() => world?.[Symbol.asyncDispose]());

  const counted = async (): Promise<number> =>
    Number(await world.vm.run("cat", ["/proc/sys/net/netfilter/nf_conntrack_count"]));

  it.each([
    { family: "IPv4", host: "203.0.113.10", type: "udp4" },
    { family: "IPv6", host: "2001:db8:113::10", type: "udp6" },
  ])("holds so many of one step and no more, and others have room: $family", async ({ host, type }) => {
    await using greedy = await Step.make(world.vm, vm.conflistFile);
    await using other = await Step.make(world.vm, vm.conflistFile);
    const before = await counted();
    await greedy.run(process.execPath, ["-e", FLOOD(host, type)]);
    const held = (await counted()) - before;
    expect(held).toBeGreaterThan(LIMIT - 200);
    expect(held).toBeLessThan(LIMIT + 200);
    const ways = [{ host, port: 80 }];
    expect(await greedy.try(ways)).not.toContain("answered");
    expect(await other.try(ways)).toEqual(["answered"]);
  });

  it("may be used without the guard being taken for another", async () => {
    const state = async (): Promise<string> => readFile(`${vm.runtimeDir}/network/network.json`, "utf8");
    const once = await state();
    await vm.apply();
    expect(await state()).toBe(once);
  });
});
