import { beforeEach, describe, expect, it } from "vitest";
import { cidr, overlap } from "../../agent/core/network/cidr.ts";
import { ALWAYS_FORBIDDEN, METADATA } from "../../agent/core/network/forbidden.ts";
import { guardScript } from "../../agent/core/network/guard.ts";
import type { NetworkOrder } from "../../agent/core/network/order.ts";
import { planNetwork } from "../../agent/core/network/plan.ts";
import { CLOSED, wishOf } from "../../agent/core/network/wish.ts";
import { NetworkNamespace } from "../../sandbox/net/namespace.ts";
import { machineAsking } from "./stage/machine.ts";
import { openOrder } from "./stage/orders.ts";

function script(
  changes: Partial<NetworkOrder> | "closed" = {},
  resolvConf = "nameserver 10.0.0.2\nnameserver 2001:db8::53",
): string {
  const wish = changes === "closed" ? CLOSED : wishOf(openOrder(changes));
  return guardScript(planNetwork(wish, machineAsking(resolvConf), undefined));
}

/** The rules of one chain, in order. */
function chain(text: string, name: string): readonly string[] {
  const [, body = ""] = text.split(`chain ${name} {\n`);
  return (body.split("\n  }")[0] ?? "").split("\n").map((line) => line.trim());
}

/** What each rule is for, by its place: a rule that moves or goes is seen. */
function order(text: string): readonly string[] {
  return chain(text, "from_builds").map((rule) => {
    if (rule.startsWith("fib saddr")) return "another's";
    if (rule.includes("ct count over")) return "too many";
    if (rule.includes("saddr !=")) return "forged";
    if (rule.startsWith("ct status dnat")) return "names";
    if (/daddr (100\.100\.100\.100|fd7a:115c:a1e0::53) goto refuse$/.test(rule)) return "MagicDNS itself";
    if (rule.startsWith('oifname "tailscale0"')) return `tailnet ${rule.endsWith("accept") ? "open" : "closed"}`;
    if (rule.includes("169.254.0.0/16") || rule.includes("fe80::/10")) return "forbidden";
    if (rule === 'oifname "builds0" drop') return "nobody";
    if (rule === 'oifname "veth*" drop') return "other builds";
    if (rule.includes("10.0.0.0/8") || rule.includes("fc00::/7")) return "private";
    if (rule.endsWith("} accept") && !rule.includes("saddr")) return "allowed";
    return rule;
  });
}

const HEAD = [
  ...["another's", "too many", "too many", "forged", "forged", "names", "names"],
  ...["MagicDNS itself", "MagicDNS itself", "forbidden", "forbidden"],
];
const REST = ["nobody", "other builds"];

it.each([
  { what: "the internet", changes: {}, judged: [...HEAD, "tailnet closed", ...REST, "private", "private", "accept"] },
  {
    what: "private ranges, too",
    changes: { egress: { allowedCidrs: [], allowPrivateRanges: true } },
    judged: [...HEAD, "tailnet closed", ...REST, "accept"],
  },
  {
    what: "a list, which alone is open",
    changes: { egress: { allowedCidrs: ["192.0.2.0/24", "2001:db8::/32"], allowPrivateRanges: true } },
    judged: [...HEAD, "tailnet closed", ...REST, "allowed", "allowed", "goto refuse"],
  },
  {
    what: "the tailnet, but for what is never open",
    changes: { tailnet: "open" as const },
    judged: [...HEAD, "tailnet open", ...REST, "private", "private", "accept"],
  },
  {
    what: "registries' mirrors, to BuildKit alone",
    changes: {
      mirrors: [
        { address: "10.0.0.5", port: 5000 },
        { address: "fd00::5", port: 443 },
      ],
    },
    judged: [
      ...[...HEAD, "tailnet closed", ...REST],
      "ip saddr 198.18.224.8 ip daddr . tcp dport { 10.0.0.5 . 5000 } accept",
      "ip6 saddr fd4e:9a31:c70b::8 ip6 daddr . tcp dport { fd00::5 . 443 } accept",
      ...["private", "private", "accept"],
    ],
  },
  {
    what: "nothing, as long as nothing was ordered",
    changes: "closed" as const,
    judged: [...HEAD, "tailnet closed", ...REST, "goto refuse"],
  },
])("judges what builds send in one order: $what", ({ changes, judged }) => {
  expect(order(script(changes))).toEqual(judged);
});

it("never lets a packet of a build through because its connection is known", () => {
  for (const name of ["from_builds", "to_machine"])
    expect(chain(script({ tailnet: "open" }), name).join("\n")).not.toMatch(/ct state (?!new )/);
});

it("lets nobody begin anything with a build, and a build nothing with the machine but finding its address", () => {
  expect(chain(script(), "to_builds")).toEqual(["ct state established,related accept", "drop"]);
  expect(chain(script(), "to_machine").at(-1)).toBe("goto refuse");
  expect(chain(script(), "to_machine")).toHaveLength(2);
});

it.each(METADATA)("has $address of $whose among what no list opens, also through NAT64", ({ address }) => {
  const ranges = [cidr(address), ...(address.includes(":") ? [] : [cidr(`64:ff9b::${address}`)])];
  for (const range of ranges) expect(ALWAYS_FORBIDDEN.some((each) => overlap(each, range))).toBe(true);
});

it("closes the operator's NAT64 prefix, whatever is listed", () => {
  const wish = wishOf(openOrder({ egress: { allowedCidrs: ["2001:db8::/32"], allowPrivateRanges: true } }));
  const nat64Prefix = cidr("2001:db8:64::/96");
  const rules = chain(guardScript(planNetwork(wish, machineAsking("", { nat64Prefix }), undefined)), "from_builds");
  const [closed, opened] = ["2001:db8:64::/96", "2001:db8::/32"].map((text) =>
    rules.findIndex((rule) => rule.includes(text)),
  );
  expect(rules[closed ?? -1]).toMatch(/goto refuse$/);
  expect(closed).toBeLessThan(opened ?? -1);
});

it("leads names only where they are answered", () => {
  const text = script({}, "");
  expect(text).not.toContain("dnat");
  expect(order(text)).not.toContain("names");
});

it.each(["198.51.100.0/24; flush ruleset", "0.0.0.0/0 } accept\n", "eth0", ""])("takes no %j for a range", (text) => {
  expect(() => script({ egress: { allowedCidrs: [text], allowPrivateRanges: false } })).toThrow(
    expect.objectContaining({ code: "network.refused" }),
  );
});

describe("nft itself", () => {
  let place: NetworkNamespace;
  beforeEach(async ({ skip }) => {
    if (process.getuid?.() !== 0) skip("a network namespace needs root");
    place = await NetworkNamespace.make();
    return () => place[Symbol.asyncDispose]();
  });

  it.each([
    { what: "the plain guard", changes: {} },
    { what: "an open tailnet", changes: { tailnet: "open" as const } },
    { what: "nothing ordered", changes: "closed" as const },
    {
      what: "a list with ranges in ranges, twice, and everything",
      changes: {
        egress: {
          allowedCidrs: ["10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/8"],
          allowPrivateRanges: false,
        },
      },
    },
  ])("takes $what, on an empty machine and over itself", async ({ changes }) => {
    for (const args of [
      ["--check", "-f", "-"],
      ["-f", "-"],
      ["-f", "-"],
    ])
      await place.run("nft", args, { input: script(changes) });
  });
});
