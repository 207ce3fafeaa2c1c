import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AppliedNetwork, EgressPolicy, NetworkOrder } from "../../agent/core/network/order.ts";
import type { NetworkNamespace } from "../../sandbox/net/namespace.ts";
import { needsNamespaces, whyNoNamespace } from "../sandbox/net/whether.ts";
import { GuardedVm, whyNoGuardedVm } from "./stage/guarded-vm.ts";
import { alwaysForbidden, NAT64_PREFIX, names, PRIVATE, PUBLIC, TAILNET, VM_PORTS, wordOf } from "./stage/matrix.ts";
import { isReached, Step, type Target } from "./stage/step.ts";
import { connects, World } from "./stage/world.ts";

needsNamespaces();
const why = whyNoNamespace() ?? whyNoGuardedVm();

const OPEN_PRIVATE: EgressPolicy = { allowedCidrs: [], allowPrivateRanges: true };
const LISTED: EgressPolicy = {
  allowedCidrs: ["203.0.113.0/24", "2001:db8:113::/48", "192.168.7.0/24"],
  allowPrivateRanges: false,
};
/** An allow-list cannot open what is always forbidden, however wide it is. */
const ALL_LISTED: EgressPolicy = {
  allowedCidrs: ["0.0.0.0/0", "::/0", "169.254.169.254/32", "fd00:ec2::254/128", "10.20.0.2/32"],
  allowPrivateRanges: true,
};

const listed = ({ host }: Target): boolean => /^(203\.0\.113\.|2001:db8:113:|192\.168\.7\.)/.test(host);

interface Row {
  readonly policy: string;
  readonly order: Partial<NetworkOrder>;
  readonly reached: readonly Target[];
  readonly refused: readonly Target[];
}

const ROWS: readonly Row[] = [
  { policy: "by default", order: {}, reached: PUBLIC, refused: [...PRIVATE, ...TAILNET] },
  {
    policy: "with private ranges open",
    order: { egress: OPEN_PRIVATE },
    reached: [...PUBLIC, ...PRIVATE],
    refused: TAILNET,
  },
  {
    policy: "with an allow-list",
    order: { egress: LISTED },
    reached: [...PUBLIC, ...PRIVATE].filter(listed),
    refused: [...[...PUBLIC, ...PRIVATE].filter((target) => !listed(target)), ...TAILNET],
  },
  {
    policy: "with an allow-list of everything",
    order: { egress: ALL_LISTED },
    reached: [...PUBLIC, ...PRIVATE],
    refused: TAILNET,
  },
  { policy: "with the tailnet open", order: { tailnet: "open" }, reached: [...PUBLIC, ...TAILNET], refused: PRIVATE },
  { policy: "after the tailnet was closed again", order: {}, reached: PUBLIC, refused: [...PRIVATE, ...TAILNET] },
];

describe("from a build's network", () => {
  let world: World;
  let vm: GuardedVm;
  let tailnet: NetworkNamespace;
  let network: AppliedNetwork;
  let step: Step;
  let forbidden: readonly Target[];

  beforeAll(async () => {
    if (why !== undefined) return;
    world = await World.make();
    tailnet = await world.joinTailnet();
    await world.listenInVm(VM_PORTS);
    vm = await GuardedVm.make(world, { nat64Prefix: NAT64_PREFIX });
    network = await vm.apply();
    step = await Step.make(world.vm, vm.conflistFile);
    forbidden = alwaysForbidden(network, await vm.linkLocal(step.cable));
  });
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(async () => {
    await step?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  /** Which of these got through. */
  async function reachable(targets: readonly Target[], from: Step = step): Promise<readonly string[]> {
    const outcomes = await from.try(targets);
    return targets.filter((_, at) => isReached(outcomes[at] ?? "")).map(wordOf);
  }

  describe.each(ROWS)("$policy", ({ order, reached, refused }) => {
    beforeAll(async () => {
      if (why === undefined) await vm.apply(order);
    });

    it("nothing is reached that never may be", async () => {
      expect(await reachable(forbidden)).toEqual([]);
    });

    it("nothing is reached that was not granted", async () => {
      expect(await reachable(refused)).toEqual([]);
    });

    it("everything is reached that was granted, and names are answered", async () => {
      const granted = [...reached, ...names(network)];
      expect(await reachable(granted)).toEqual(granted.map(wordOf));
    });

    it("the agent's own verification finds the same", async () => {
      const { findings } = await vm.verify();
      expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    });

    it("nobody in the world or in the tailnet reaches a build", async () => {
      const tcpPort = (await step.listen([step.ipv4]))[0]?.tcpPort ?? 0;
      const tried = [world.outside, tailnet].map((place) => connects(place, step.ipv4, tcpPort));
      expect(await Promise.all(tried)).toEqual([false, false]);
    });
  });

  it("another build is reached neither by its address, nor by its hardware address, nor through the machine", async () => {
    await using other = await Step.make(world.vm, vm.conflistFile);
    const targets = await everyPort(other);
    expect(await reachable(targets)).toEqual([]);
    expect(await other.run("ip", ["neighbour"])).not.toContain(step.ipv4);
    for (const address of [other.ipv4, other.ipv6]) await knowHardwareAddress(address, other.mac);
    expect(await reachable(targets)).toEqual([]);
    await throughTheMachine(other);
    expect(await reachable(targets)).toEqual([]);
    expect(await other.heard()).toBe(0);
  });

  describe("without the guard", () => {
    beforeAll(async () => {
      if (why === undefined) await vm.guardOff();
    });

    it("all of it is reached: these tests can fail", async () => {
      const all = [...forbidden, ...PRIVATE, ...TAILNET, ...PUBLIC];
      expect(await reachable(all)).toEqual(all.map(wordOf));
    });

    it("another build is reached in every way", async () => {
      await using other = await Step.make(world.vm, vm.conflistFile);
      const targets = await everyPort(other);
      expect(await reachable(targets.filter(({ via }) => via === "tcp"))).toHaveLength(2);
      await throughTheMachine(other);
      expect(await reachable(targets.filter(({ via }) => via === "tcp"))).toHaveLength(2);
      await step.try(targets);
      expect(await other.heard()).toBeGreaterThanOrEqual(4);
    });

    it("somebody outside reaches a build", async () => {
      const tcpPort = (await step.listen([step.ipv4]))[0]?.tcpPort ?? 0;
      expect(await connects(world.outside, step.ipv4, tcpPort)).toBe(true);
    });

    it("the agent's own verification finds everything that is forbidden reached", async () => {
      const { findings } = await vm.verify();
      expect(findings.filter(({ expected, got }) => expected === "refused" && got !== "reached")).toEqual([]);
      expect(findings.filter(({ ok }) => !ok).length).toBeGreaterThan(50);
    });
  });

  async function everyPort(other: Step): Promise<readonly Target[]> {
    const hosts = [other.ipv4, other.ipv6];
    const listening = await other.listen(hosts);
    return hosts.flatMap((host, at) => [
      { host, port: listening[at]?.tcpPort ?? 0, via: "tcp" as const },
      { host, port: listening[at]?.udpPort ?? 0, via: "udp" as const },
    ]);
  }

  async function knowHardwareAddress(address: string, mac: string): Promise<void> {
    await step.run("ip", ["neighbour", "replace", address, "lladdr", mac, "dev", "eth0", "nud", "permanent"]);
  }

  async function throughTheMachine({ ipv4, ipv6 }: Step): Promise<void> {
    const [gateway4 = "", , gateway6 = ""] = names(network).map(({ host }) => host);
    await step.run("ip", ["route", "replace", ipv4, "via", gateway4, "dev", "eth0"]);
    await step.run("ip", ["route", "replace", ipv6, "via", gateway6, "dev", "eth0"]);
  }
});
