import { expect, it } from "vitest";
import { formatAddress } from "../../agent/core/network/address.ts";
import { dnsMap, type MachineNetwork, planNetwork, resolvConfOf } from "../../agent/core/network/plan.ts";
import { parseResolvConf } from "../../agent/core/network/resolvers.ts";
import { wishOf } from "../../agent/core/network/wish.ts";
import { machineAsking } from "./stage/machine.ts";
import { openOrder } from "./stage/orders.ts";

const V4 = (n: number): string => `198.18.224.${n}`;
const V6 = (n: number): string => `fd4e:9a31:c70b::${n}`;

function planFor(resolvConf: string, order = openOrder(), around: Partial<MachineNetwork> = {}) {
  return planNetwork(wishOf(order), machineAsking(resolvConf, around), undefined);
}

/** Where each of the machine's addresses for builds leads. */
function leads(plan: ReturnType<typeof planFor>): Readonly<Record<string, string>> {
  const pairs = [...dnsMap(plan.ipv4), ...dnsMap(plan.ipv6)];
  return Object.fromEntries(pairs.map(([from, to]) => [formatAddress(from), formatAddress(to)]));
}

it.each([
  { what: "one resolver", text: "nameserver 10.0.0.2", names: [V4(1)], asks: ["10.0.0.2"] },
  {
    what: "Google's, which is the metadata address",
    text: "nameserver 169.254.169.254",
    names: [V4(1)],
    asks: ["169.254.169.254"],
  },
  { what: "Azure's wire server", text: "nameserver 168.63.129.16", names: [V4(1)], asks: ["168.63.129.16"] },
  {
    what: "both families, in the machine's order",
    text: "nameserver 2001:db8::53\nnameserver 10.0.0.2\nnameserver 2001:db8::54",
    names: [V6(1), V4(1), V6(2)],
    asks: ["2001:db8::53", "10.0.0.2", "2001:db8::54"],
  },
  {
    what: "four: the first three count",
    text: "nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4",
    names: [V4(1), V4(2), V4(3)],
    asks: ["1.0.0.1", "1.0.0.2", "1.0.0.3"],
  },
  { what: "the same twice", text: "nameserver 1.0.0.1\nnameserver 1.0.0.1", names: [V4(1)], asks: ["1.0.0.1"] },
  {
    what: "`builds0` itself, which would lead in a circle",
    text: "nameserver 198.18.224.1\nnameserver fd4e:9a31:c70b::3\nnameserver 10.0.0.2",
    names: [V4(1)],
    asks: ["10.0.0.2"],
  },
  {
    what: "what no build can be led to",
    text: "nameserver 127.0.0.1\nnameserver fe80::1%eth0\nnameserver ::1\nnameserver 10.0.0.5\nnameserver 10.0.0.2",
    names: [V4(1)],
    asks: ["10.0.0.2"],
  },
  { what: "none: names are refused, not asked of a public resolver", text: "# nothing\n", names: [V4(1)], asks: [] },
])("$what", ({ text, names, asks }) => {
  const plan = planFor(text, openOrder(), { addresses: ["10.0.0.5", "127.0.0.1"] });
  expect(plan.resolvers.map(formatAddress)).toEqual(asks);
  expect(plan.nameservers.map(formatAddress)).toEqual(names);
  const map = leads(plan);
  expect(names.flatMap((name) => map[name] ?? [])).toEqual(asks);
});

it("leads every address of a family somewhere, if one of it leads anywhere", () => {
  expect(leads(planFor("nameserver 1.0.0.1\nnameserver 1.0.0.2"))).toEqual({
    [V4(1)]: "1.0.0.1",
    [V4(2)]: "1.0.0.2",
    [V4(3)]: "1.0.0.1",
  });
});

it("asks whom a stub asks, where that is told", () => {
  const upstream = parseResolvConf("nameserver 10.0.0.2\nsearch corp.example\n");
  const stub = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n";
  expect(resolvConfOf(planFor(stub, openOrder(), { upstream }))).toBe(`nameserver ${V4(1)}\nsearch corp.example\n`);
  expect(planFor("nameserver 127.0.0.53", openOrder(), { upstream }).resolvers.map(formatAddress)).toEqual([
    "10.0.0.2",
  ]);
  expect(planFor("nameserver 127.0.0.53").resolvers).toEqual([]);
});

it("asks MagicDNS while the tailnet is open, whatever a step still has in its resolv.conf", () => {
  const plan = planFor(
    "nameserver 1.0.0.1\nsearch corp.example",
    openOrder({ tailnet: "open", searchDomains: ["acme.ts.net"] }),
  );
  expect(resolvConfOf(plan)).toBe(`nameserver ${V4(1)}\nsearch acme.ts.net corp.example\n`);
  expect(leads(plan)).toEqual({
    ...Object.fromEntries([1, 2, 3].map((n) => [V4(n), "100.100.100.100"])),
    ...Object.fromEntries([1, 2, 3].map((n) => [V6(n), "fd7a:115c:a1e0::53"])),
  });
  expect(plan.resolvers.map(formatAddress)).toEqual(["1.0.0.1"]);
});

it("goes on asking whom the machine asks in a tailnet without MagicDNS", () => {
  const plan = planFor("nameserver 1.0.0.1\nsearch corp.example", openOrder({ tailnet: "open" }));
  expect(resolvConfOf(plan)).toBe(`nameserver ${V4(1)}\nsearch corp.example\n`);
  expect(leads(plan)).toMatchObject({ [V4(1)]: "1.0.0.1" });
  expect(Object.values(leads(plan))).not.toContain("100.100.100.100");
});

it("keeps what the machine says of how to ask, and nothing that is no word of it", () => {
  const text =
    "; old\ndomain a.example\nsearch b.example bad;name c.example.\noptions ndots:2 rotate evil\u0000 # x\nnameserver 1.0.0.1 extra\n";
  expect(resolvConfOf(planFor(text))).toBe(`nameserver ${V4(1)}\nsearch b.example bad\noptions ndots:2 rotate\n`);
});
