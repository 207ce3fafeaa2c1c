import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { Scope } from "../../../agent/lifecycle/scope.ts";
import { Egress } from "../../../sandbox/net/egress/egress.ts";
import { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import { connect } from "../../../sandbox/net/veth.ts";
import { Listener, seenAs } from "./exchange.ts";
import { needsNamespaces } from "./whether.ts";

needsNamespaces();

const OUTSIDE = ["203.0.113.10", "2001:db8:113::10"] as const;
const MACHINE = ["203.0.113.1", "2001:db8:113::1"] as const;

/** A machine with a way to the outside, and a namespace that has none: all of our own making. */
async function world(scope: Scope, { forwards = true } = {}) {
  const machine = scope.own(await NetworkNamespace.make({ name: "machine" }));
  const outside = scope.own(await NetworkNamespace.make({ name: "outside" }));
  const vm = scope.own(await NetworkNamespace.make({ name: "vm" }));
  await connect(
    {
      place: machine,
      link: "eth0",
      addresses: [`${MACHINE[0]}/24`, `${MACHINE[1]}/64`],
      routes: OUTSIDE.map((via) => ({ to: "default", via })),
    },
    { place: outside, link: "eth0", addresses: [`${OUTSIDE[0]}/24`, `${OUTSIDE[1]}/64`] },
  );
  // A new namespace may forward because this machine does.
  const value = forwards ? 1 : 0;
  await machine.run("sysctl", ["-qw", `net.ipv4.ip_forward=${value}`, `net.ipv6.conf.all.forwarding=${value}`]);
  return { machine, outside, vm };
}

/** What can be seen of a way out on the machine. */
async function traces(machine: NetworkNamespace): Promise<string> {
  return (await machine.run("nft", ["list", "ruleset"])) + (await machine.run("ip", ["-brief", "link"]));
}

describe("a way out for a namespace", () => {
  it("leads to the outside under the machine's address, in both families, and not to the machine itself", async () => {
    await using scope = new Scope();
    const { machine, outside, vm } = await world(scope);
    const before = await traces(machine);
    for (const address of OUTSIDE) scope.own(await Listener.at(outside, address, 80));
    for (const address of MACHINE) scope.own(await Listener.at(machine, address, 22));
    scope.own(await Listener.at(machine, "203.0.113.1", 53));
    expect(await seenAs(vm, OUTSIDE[0], 80)).toBe("ENETUNREACH");
    {
      await using egress = await Egress.open(machine, vm);
      expect(egress.told).toMatch(
        /^link sandbox-\w{6} \(198\.19\.255\.1\/30, fd.*::1\/64\) and nftables table inet sandbox_/,
      );
      expect(await seenAs(vm, OUTSIDE[0], 80)).toBe(MACHINE[0]);
      expect(await seenAs(vm, OUTSIDE[1], 80)).toBe(MACHINE[1]);
      expect(await seenAs(vm, MACHINE[0], 22)).toBe("EHOSTUNREACH");
      expect(await seenAs(vm, MACHINE[1], 22)).toBe("EACCES");
      // The machine may be its own resolver.
      expect(await seenAs(vm, MACHINE[0], 53)).toBe("198.19.255.2");
    }
    expect(await seenAs(vm, OUTSIDE[0], 80)).toBe("ENETUNREACH");
    expect(await traces(machine)).toBe(before);
  });

  it("takes addresses that nobody has a route to, so that two of them go side by side", async () => {
    await using scope = new Scope();
    const { machine, outside, vm } = await world(scope);
    const other = scope.own(await NetworkNamespace.make({ name: "another vm" }));
    scope.own(await Listener.at(outside, OUTSIDE[0], 80));
    await using first = await Egress.open(machine, vm);
    await using second = await Egress.open(machine, other);
    expect([first.told, second.told].map((told) => /198\.19\.255\.\d+/.exec(told)?.[0])).toEqual([
      "198.19.255.1",
      "198.19.255.5",
    ]);
    expect(await seenAs(other, OUTSIDE[0], 80)).toBe(MACHINE[0]);
  });

  it("is refused by a machine that does not forward, which is left as it is", async () => {
    await using scope = new Scope();
    const { machine, vm } = await world(scope, { forwards: false });
    const before = await traces(machine);
    await expect(Egress.open(machine, vm)).rejects.toThrow("sysctl -w net.ipv4.ip_forward=1");
    expect(await traces(machine)).toBe(before);
    expect((await machine.run("sysctl", ["-n", "net.ipv4.ip_forward"])).trim()).toBe("0");
  });

  it("is gone when whoever made it is killed", async () => {
    await using scope = new Scope();
    const { machine } = await world(scope);
    const before = await traces(machine);
    const dist = new URL("../../../dist/sandbox/net/", import.meta.url).href;
    const program = `
      const { Egress } = await import(${JSON.stringify(`${dist}egress/egress.js`)});
      const { HERE } = await import(${JSON.stringify(`${dist}place.js`)});
      const { NetworkNamespace } = await import(${JSON.stringify(`${dist}namespace.js`)});
      console.log((await Egress.open(HERE, await NetworkNamespace.make())).told);
      setInterval(() => undefined, 1000);`;
    const { command, args } = machine.enter(process.execPath, ["--input-type=module", "-e", program]);
    const maker = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    await once(maker.stdout, "data", { signal: AbortSignal.timeout(20_000) });
    expect(await traces(machine)).toContain("masquerade");
    maker.kill("SIGKILL");
    await expect.poll(() => traces(machine)).toBe(before);
  });
});
