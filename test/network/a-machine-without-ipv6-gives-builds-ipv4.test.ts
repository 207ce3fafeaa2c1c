import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AppliedNetwork } from "../../agent/core/network/order.ts";
import { needsNamespaces, whyNoNamespace } from "../sandbox/net/whether.ts";
import { GuardedVm, whyNoGuardedVm } from "./stage/guarded-vm.ts";
import { Step } from "./stage/step.ts";
import { World } from "./stage/world.ts";

needsNamespaces();
const why = whyNoNamespace() ?? whyNoGuardedVm();

/**
 * As a kernel that was started with `ipv6.disable=1` shows itself: no switch of IPv6's is there,
 * and no address can be had.
 */
describe("a machine whose kernel has no IPv6", () => {
  let world: World;
  let vm: GuardedVm;
  let network: AppliedNetwork;

  beforeAll(async () => {
    if (why !== undefined) return;
    world = await World.make();
    for (const which of ["all", "default", "lo", "uplink"])
      await world.vm.run("sysctl", ["-qw", `net.ipv6.conf.${which}.disable_ipv6=1`]);
    await world.vm.run("mount", ["-t", "tmpfs", "-o", "size=4k", "nothing", "/proc/sys/net/ipv6"]);
    vm = await GuardedVm.make(world);
    network = await vm.apply();
  });
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(() => world?.[Symbol.asyncDispose]());

  it("has a network of IPv4 alone", () => {
    expect(network).toMatchObject({ families: ["ipv4"], generation: "198.18.224.0/20 point to point" });
  });

  it("gives a step an address, names and a way out, all of IPv4", async () => {
    await using step = await Step.make(world.vm, vm.conflistFile);
    expect([step.ipv4, step.ipv6]).toEqual(["198.18.224.16", ""]);
    expect(
      await step.try([
        { host: "203.0.113.10", port: 80 },
        { host: "198.18.224.1", port: 53, via: "dns-udp" },
        { host: "169.254.169.254", port: 80 },
      ]),
    ).toEqual(["answered", "answered", "EHOSTUNREACH"]);
  });

  it("is found isolated, and says what it has", async () => {
    const { findings } = await vm.verify();
    expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    expect(findings.filter(({ what, got }) => what === "names (DNS)" && got === "reached")).toHaveLength(2);
    expect((await vm.agent(["network", "show"])).out).toMatch(/^addresses +198\.18\.224\.0\/20$/m);
  });

  it("lets nothing through of what is forbidden: another build, the machine", async () => {
    await using first = await Step.make(world.vm, vm.conflistFile);
    await using second = await Step.make(world.vm, vm.conflistFile);
    const [port] = await second.listen([second.ipv4]);
    const places = [
      { host: second.ipv4, port: port?.tcpPort ?? 0 },
      { host: "10.20.0.2", port: 22 },
    ];
    expect(await first.try(places)).toEqual(["silent", "EHOSTUNREACH"]);
    await vm.guardOff();
    expect(await first.try(places)).toEqual(["answered", "ECONNREFUSED"]);
  });
});
