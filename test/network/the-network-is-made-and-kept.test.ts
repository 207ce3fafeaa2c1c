import { existsSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HERE, type NetworkPlace } from "../../sandbox/net/place.ts";
import { Generations } from "./stage/generations.ts";
import { GuardedVm, whyNoGuardedVm } from "./stage/guarded-vm.ts";
import { World } from "./stage/world.ts";

const why = process.getuid?.() === 0 ? whyNoGuardedVm() : "network namespaces need root";

/**
 * All that a network is told by: links, addresses, routes, rules, guard, and what nobody may touch.
 */
async function told(place: NetworkPlace): Promise<Readonly<Record<string, string>>> {
  const [addresses, routes, rules4, rules6, guard] = await Promise.all([
    place.run("ip", ["-brief", "address"]),
    place.run("ip", ["route", "show", "table", "all"]),
    place.run("ip", ["rule"]),
    place.run("ip", ["-6", "rule"]),
    place.run("nft", ["--handle", "--stateless", "--terse", "list", "ruleset"]),
  ]);
  const sysctl = await place.run("sysctl", ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]);
  return { addresses, routes, rules4, rules6, guard, sysctl };
}

/** What could be of a network of builds; others may change the rest of this machine meanwhile. */
function ours({ sysctl, ...tables }: Readonly<Record<string, string>>): readonly (string | undefined)[] {
  const lines = Object.values(tables).flatMap((text) => text.split("\n"));
  return [sysctl, ...lines.filter((line) => /builds0|builder_agent|5100:/.test(line))];
}

/** In front of nft on the PATH: flushes a chain of the guard as soon as that was put in force. */
class Meddler implements Disposable {
  readonly #path = process.env["PATH"] ?? "";
  readonly #intent: string;

  private constructor(folder: string) {
    this.#intent = join(folder, "intent");
    process.env["PATH"] = `${folder}:${this.#path}`;
  }

  static async make(dir: string): Promise<Meddler> {
    const folder = await mkdtemp(join(dir, "meddler-"));
    const script = [
      "#!/bin/sh",
      "PATH=${PATH#*:}",
      'nft "$@" || exit',
      `[ "$1" = -f ] && rm ${join(folder, "intent")} 2>/dev/null || exit 0`,
      "nft flush chain inet builder_agent from_builds",
    ];
    await writeFile(join(folder, "nft"), `${script.join("\n")}\n`, { mode: 0o755 });
    return new Meddler(folder);
  }

  meddleOnce(): void {
    writeFileSync(this.#intent, "");
  }

  hasMeddled(): boolean {
    return !existsSync(this.#intent);
  }

  [Symbol.dispose](): void {
    rmSync(this.#intent, { force: true });
    process.env["PATH"] = this.#path;
  }
}

describe("the network of builds", () => {
  let world: World;
  let vm: GuardedVm;
  let before: Awaited<ReturnType<typeof told>>;
  let resolvConf: string;

  beforeAll(async () => {
    if (why !== undefined) return;
    before = await told(HERE);
    resolvConf = await readFile("/etc/resolv.conf", "utf8");
    world = await World.make();
    vm = await GuardedVm.make(world);
  });
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(() => world?.[Symbol.asyncDispose]());

  const address = (): Promise<string> => world.vm.run("ip", ["-brief", "address", "show", "builds0"]);
  const guard = (): Promise<string> => world.vm.run("nft", ["--stateless", "--terse", "list", "ruleset"]);
  const shown = () => vm.agent(["network", "show"]);
  const file = (name: string): string => join(vm.runtimeDir, "network", name);

  it("lets nothing through before anybody has ordered anything", async () => {
    expect(await shown()).toMatchObject({ code: 1, out: "There is no network of builds.\n" });
    expect(await vm.agent(["network", "ensure"])).toMatchObject({ code: 0, err: "" });
    expect((await guard()).match(/oifname "veth\*" drop\s+goto refuse\s+}/)).not.toBeNull();
    expect((await shown()).out).toMatch(/^builds reach +nothing yet$/m);
  });

  it("is made of a link, its addresses, and a way to it that no other route takes over", async () => {
    await world.vm.run("sysctl", ["-qw", "net.ipv6.conf.all.forwarding=0", "net.ipv6.conf.uplink.accept_ra=1"]);
    const network = await vm.apply();
    expect(network).toMatchObject({ ipv4: "198.18.224.0/20", ipv6: "fd4e:9a31:c70b::/64", collisions: [] });
    for (const each of ["198.18.224.1/20", "198.18.224.3/20", "fd4e:9a31:c70b::1/64", "fd4e:9a31:c70b::3/64"])
      expect(await address()).toContain(each);
    for (const [family, range] of [
      ["-4", network.ipv4],
      ["-6", network.ipv6],
    ] as const)
      expect(await world.vm.run("ip", [family, "rule"])).toContain(`5100:\tfrom all to ${range} lookup main`);
    const keys = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.uplink.accept_ra"];
    expect(await world.vm.run("sysctl", ["-n", ...keys])).toBe("1\n1\n2\n");
    expect(await world.vm.run("sysctl", ["-n", "net.ipv4.tcp_retries2"])).toBe("8\n");
    const silent = "net.netfilter.nf_conntrack_tcp_timeout_established";
    expect(await world.vm.run("sysctl", ["-n", silent])).toBe("7440\n");
    expect(await readFile(file("resolve/resolv.conf"), "utf8")).toBe(
      "nameserver 198.18.224.1\nnameserver fd4e:9a31:c70b::1\n",
    );
    expect((await shown()).code).toBe(0);
  });

  it("is left alone by the same order again", async () => {
    await vm.apply();
    const [once, written] = [await told(world.vm), await stat(file("resolve/resolv.conf"))];
    await vm.apply();
    expect(await told(world.vm)).toEqual(once);
    expect((await stat(file("resolve/resolv.conf"))).mtimeMs).toBe(written.mtimeMs);
  });

  it("changes what builds may reach whole and at once, their names included", async () => {
    await vm.apply();
    await using generations = await Generations.watch(world.vm);
    await vm.apply({
      tailnet: "open",
      searchDomains: ["acme.example"],
      egress: { allowedCidrs: ["192.0.2.0/24"], allowPrivateRanges: false },
    });
    // Put twice, the same each time: what it is listed as is believed once two listings agree.
    expect(await generations.count("builder_agent")).toBe(2);
    expect(await guard()).toMatch(/oifname "tailscale0" accept[\s\S]+ip daddr 192\.0\.2\.0\/24 accept/);
    expect(await guard()).toContain("198.18.224.1 : 100.100.100.100");
    expect(await readFile(file("resolve/resolv.conf"), "utf8")).toBe("nameserver 198.18.224.1\nsearch acme.example\n");
  });

  it("closes the tailnet, and only that, when somebody asks who knows nothing else", async () => {
    const egress = { allowedCidrs: ["192.0.2.0/24"], allowPrivateRanges: false };
    await vm.apply({ tailnet: "open", searchDomains: ["acme.example"], egress });
    expect(await vm.agent(["network", "close"])).toMatchObject({ code: 0 });
    expect(await guard()).toMatch(/oifname "tailscale0" goto refuse[\s\S]+ip daddr 192\.0\.2\.0\/24 accept/);
    expect(await guard()).toContain("198.18.224.1 : 10.20.0.53");
    expect((await shown()).out).toMatch(/^tailnet +closed$/m);
  });

  it("has its guard back before BuildKit starts, if somebody flushed it", async () => {
    await vm.apply();
    const whole = await guard();
    for (const deed of [
      ["flush", "ruleset"],
      ["delete", "table", "inet", "builder_agent"],
      ["flush", "chain", "inet", "builder_agent", "from_builds"],
    ]) {
      await world.vm.run("nft", deed);
      expect((await shown()).code).toBe(1);
      expect(await vm.agent(["network", "ensure"])).toMatchObject({ code: 0 });
      expect(await guard()).toBe(whole);
    }
  });

  it("is not taken for right as somebody left it in the moment after it was put", async () => {
    using meddler = await Meddler.make(world.dir);
    const egress = { allowedCidrs: ["198.51.100.0/24"], allowPrivateRanges: false };
    await vm.apply({ egress });
    const whole = await guard();
    await vm.apply();
    meddler.meddleOnce();
    await vm.apply({ egress });
    expect(meddler.hasMeddled()).toBe(true);
    expect(await guard()).toBe(whole);
    await world.vm.run("nft", ["flush", "ruleset"]);
    meddler.meddleOnce();
    expect(await vm.agent(["network", "ensure"])).toMatchObject({ code: 0 });
    expect(meddler.hasMeddled()).toBe(true);
    expect(await guard()).toBe(whole);
  });

  it("keeps its addresses while builds run, tells what they overlap, and moves when it may", async () => {
    const { ipv4, generation } = await vm.apply();
    const avoid = ["198.18.0.0/15", "fd4e:9a31::/32", "0.0.0.0/0"];
    const stays = await vm.apply({ avoid, mayMove: false });
    expect(stays).toMatchObject({ ipv4, generation, collisions: ["198.18.0.0/15", "fd4e:9a31::/32"] });
    const moved = await vm.apply({ avoid });
    expect(moved).toMatchObject({ ipv4: "172.30.224.0/20", ipv6: "fdb3:62d8:15fa::/64", collisions: [] });
    expect(moved.generation).not.toBe(generation);
    expect(await address()).toContain("172.30.224.1/20");
    expect(await address()).not.toContain("198.18");
    expect(await world.vm.run("ip", ["rule"])).not.toContain("198.18");
    expect(await readFile(file("cni.conflist"), "utf8")).toContain('"subnet": "172.30.224.0/20"');
    expect(await vm.apply()).toMatchObject({ ipv4: "172.30.224.0/20" });
  });

  it("stays as it is when an order is refused", async () => {
    const [, once] = [await vm.apply(), await told(world.vm)];
    await expect(vm.apply({ avoid: ["10.0.0.0/33"] })).rejects.toThrow('"10.0.0.0/33"');
    await expect(vm.apply({ searchDomains: ["a\nnameserver 192.0.2.1"] })).rejects.toThrow("is no domain to search");
    expect(await told(world.vm)).toEqual(once);
  });

  it("is nowhere on this machine", async () => {
    expect(ours(await told(HERE))).toEqual(ours(before));
    expect(await readFile("/etc/resolv.conf", "utf8")).toBe(resolvConf);
  });
});
