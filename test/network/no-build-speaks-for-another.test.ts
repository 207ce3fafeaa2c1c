import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AppliedNetwork } from "../../agent/core/network/order.ts";
import { needsNamespaces, whyNoNamespace } from "../sandbox/net/whether.ts";
import { GuardedVm, whyNoGuardedVm } from "./stage/guarded-vm.ts";
import { Step, type Target } from "./stage/step.ts";
import { World } from "./stage/world.ts";

needsNamespaces();
const why = whyNoNamespace() ?? whyNoGuardedVm();

const WAYS_OUT: readonly Target[] = [
  { host: "203.0.113.10", port: 80 },
  { host: "2001:db8:113::10", port: 80 },
];

/**
 * What a step can do with CAP_NET_RAW, and more: here it has every right over its own network, and
 * takes the addresses of another step for its own.
 */
describe("a step that takes the addresses of another", () => {
  let world: World;
  let vm: GuardedVm;
  let network: AppliedNetwork;
  let victim: Step;
  let forger: Step;

  beforeAll(async () => {
    if (why !== undefined) return;
    world = await World.make();
    vm = await GuardedVm.make(world);
    network = await vm.apply();
    [victim, forger] = await Promise.all([Step.make(world.vm, vm.conflistFile), Step.make(world.vm, vm.conflistFile)]);
  });
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(async () => {
    await forger?.[Symbol.asyncDispose]();
    await victim?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  const reachable = (step: Step): Promise<readonly string[]> => step.try(WAYS_OUT);
  const names = (): readonly Target[] =>
    [network.ipv4.replace(/0\/\d+$/, "1"), network.ipv6.replace(/\/\d+$/, "1")].flatMap((host) =>
      (["dns-udp", "dns-tcp"] as const).map((via) => ({ host, port: 53, via })),
    );

  it("has a way out by its own, as long as it speaks for itself", async () => {
    expect(await reachable(forger)).toEqual(["answered", "answered"]);
  });

  it("is answered by nobody, whatever it announces, and the other goes on", async () => {
    await forger.run("ip", ["link", "set", "dev", "eth0", "down"]);
    await forger.run("ip", ["link", "set", "dev", "eth0", "address", victim.mac]);
    await forger.run("ip", ["link", "set", "dev", "eth0", "up"]);
    const [gateway4, gateway6] = names()
      .filter(({ via }) => via === "dns-udp")
      .map(({ host }) => host);
    // Its kernel announces its addresses as it gets them, and answers whoever asks for them.
    await forger.run("sysctl", ["-qw", "net.ipv4.conf.eth0.arp_notify=1", "net.ipv6.conf.eth0.ndisc_notify=1"]);
    for (const line of [
      "address flush dev eth0 scope global",
      `address add ${victim.ipv4}/20 dev eth0`,
      `address add ${victim.ipv6}/64 dev eth0 nodad`,
      `route replace default via ${gateway4} dev eth0`,
      `-6 route replace default via ${gateway6} dev eth0`,
    ])
      await forger.run("ip", line.split(" "));

    const forged = [...WAYS_OUT, ...names()];
    for (let round = 0; round < 3; round += 1) {
      const [byForger, byVictim] = await Promise.all([forger.try(forged), victim.try([...WAYS_OUT, ...names()])]);
      expect(byForger).not.toContain("answered");
      expect(byVictim).toEqual(forged.map(() => "answered"));
    }
  });

  it("is not even heard", async () => {
    const heard = async (): Promise<number> => {
      const said = await world.outside.run("nft", ["--json", "list", "counter", "inet", "heard", "datagrams"]);
      return Number(/"packets": (\d+)/.exec(said)?.[1]);
    };
    const input = [
      ...["table inet heard {", "  counter datagrams { }", "  chain input {"],
      ...[
        "    type filter hook input priority 0; policy accept;",
        "    udp dport 4999 counter name datagrams",
        "  }",
        "}",
      ],
    ].join("\n");
    await world.outside.run("nft", ["-f", "-"], { input: `${input}\n` });
    const datagrams = WAYS_OUT.map(({ host }) => ({ host, port: 4999, via: "udp" as const }));
    await forger.try(datagrams);
    expect(await heard()).toBe(0);
    await victim.try(datagrams);
    expect(await heard()).toBe(2);
  });

  it("has its answers neither with another's address of one family and its own of the other", async () => {
    await using honest = await Step.make(world.vm, vm.conflistFile);
    await honest.run("ip", ["address", "add", `${victim.ipv4}/32`, "dev", "eth0"]);
    const [route = ""] = (await honest.run("ip", ["route", "show", "default"])).split("\n");
    await honest.run("ip", [..."route replace".split(" "), ...route.trim().split(/\s+/), "src", victim.ipv4]);
    expect(await reachable(honest)).toEqual(["silent", "answered"]);
    expect(await reachable(victim)).toEqual(["answered", "answered"]);
  });
});
