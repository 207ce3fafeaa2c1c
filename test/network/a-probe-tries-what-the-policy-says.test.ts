import { describe, expect, it } from "vitest";
import type { NetworkFacts } from "../../agent/core/network/facts.ts";
import { METADATA } from "../../agent/core/network/forbidden.ts";
import { judgeProbe } from "../../agent/core/network/probe-judge.ts";
import { type ProbeSurroundings, planProbe } from "../../agent/core/network/probe-plan.ts";
import { nameOf, type ProbeOutcome, type ProbeTarget } from "../../agent/core/network/probe-target.ts";

const FACTS: NetworkFacts = {
  generation: "1",
  ipv4: { cidr: "198.18.224.0/20", gateway: "198.18.224.1", services: ["198.18.224.1"] },
  ipv6: { cidr: "fd4e:9a31:c70b::/64", gateway: "fd4e:9a31:c70b::1", services: ["fd4e:9a31:c70b::1"] },
  cniConfigFile: "/run/cni.conflist",
  cniBinaryDir: "/usr/lib/cni",
  buildkit: { socketPath: "/run/agent/buildkitd.sock", addresses: ["198.18.224.8", "fd4e:9a31:c70b::8"] },
  nameservers: ["198.18.224.1", "198.18.224.2"],
  resolvers: ["10.0.0.2", "10.0.0.3"],
  localResolvers: [],
  families: ["ipv4", "ipv6"],
  machineAddresses: [{ address: "10.0.0.7", interface: "ens5" }],
  agentPorts: [8443, 9464],
  tailnet: "closed",
  egress: { allowedCidrs: [], allowPrivateRanges: false },
};

const AROUND: ProbeSurroundings = {
  machine: [{ host: "10.0.0.7", tcpPort: 40_001, udpPort: 40_002 }],
  neighbour: [{ host: "198.18.224.17", tcpPort: 40_003, udpPort: 40_004 }],
  routedNeighbour: [{ host: "198.18.224.17", tcpPort: 40_005, udpPort: 40_006 }],
  answered: new Set(["dns-udp", "dns-tcp"]),
};

function plan(changes: Partial<NetworkFacts> = {}): readonly ProbeTarget[] {
  return planProbe({ ...FACTS, ...changes }, AROUND);
}

const named = (targets: readonly ProbeTarget[], what: string): readonly string[] =>
  targets.filter((target) => target.what === what).map(nameOf);

describe("a probe", () => {
  it("tries every metadata address that the guard knows, whatever is open, and then some of its own knowledge", () => {
    const open = {
      egress: { allowedCidrs: ["0.0.0.0/0", "::/0"], allowPrivateRanges: true },
      tailnet: "open" as const,
    };
    for (const targets of [plan(), plan(open)]) {
      const tried = targets.filter(({ expected }) => expected === "refused").map(({ host }) => host);
      expect(METADATA.filter(({ address }) => !tried.includes(address))).toEqual([]);
      expect(tried).toContain("169.254.169.253");
    }
  });

  it("tries the metadata services through the operator's NAT64 gateway, where there is one", () => {
    expect(named(plan({ nat64Prefix: "2001:db8:64::/96" }), "instance metadata")).toContain(
      "[2001:db8:64::a9fe:a9fe]:80",
    );
    expect(named(plan(), "instance metadata").filter((target) => target.includes("2001:db8:64:"))).toEqual([]);
  });

  it("tries this machine where somebody listens, at the agent's ports, and at ssh's", () => {
    expect(named(plan(), "this machine's own addresses")).toEqual([
      "10.0.0.7:40001",
      "10.0.0.7:40002/udp",
      "10.0.0.7:22",
      "10.0.0.7:8443",
      "10.0.0.7:9464",
    ]);
  });

  it("tries another build next door and by way of the machine, by TCP and by UDP", () => {
    expect(named(plan(), "another build")).toEqual([
      "198.18.224.17:40003",
      "198.18.224.17:40004/udp",
      "198.18.224.17:40005",
      "198.18.224.17:40006/udp",
    ]);
  });

  const node = [...FACTS.machineAddresses, { address: "100.64.0.1", interface: "tailscale0" }];
  const openPrivate = { allowedCidrs: [], allowPrivateRanges: true };

  it.each([
    { what: "no tailnet, private ranges closed", changes: {}, isTried: true },
    { what: "no tailnet, private ranges open", changes: { egress: openPrivate }, isTried: false },
    { what: "a node, not granted", changes: { machineAddresses: node }, isTried: true },
    {
      what: "a node, not granted, private ranges open",
      changes: { machineAddresses: node, egress: openPrivate },
      isTried: true,
    },
    { what: "a node, granted", changes: { machineAddresses: node, tailnet: "open" as const }, isTried: false },
  ])("expects addresses of a tailnet to be refused: $what → $isTried", ({ changes, isTried }) => {
    expect(named(plan(changes), "the tailnet").length > 0).toBe(isTried);
  });

  it("expects private ranges to be refused but where they are open, and the builds' own range is not one of them", () => {
    expect(named(plan(), "private ranges")).toContain("192.168.0.1:80");
    expect(named(plan({ egress: openPrivate }), "private ranges")).toEqual([]);
    const within = { ...FACTS.ipv4, cidr: "192.168.0.0/16" };
    expect(named(plan({ ipv4: within }), "private ranges")).not.toContain("192.168.0.1:80");
  });

  it("expects what an allow-list does not name to be refused, and nothing that it names", () => {
    expect(named(plan(), "outside the allow-list")).toEqual([]);
    const egress = { allowedCidrs: ["203.0.113.0/24", "192.168.0.0/24"], allowPrivateRanges: true };
    const targets = plan({ egress });
    expect(named(targets, "outside the allow-list")).toEqual(["192.0.2.1:80", "198.51.100.1:80", "[2001:db8::1]:80"]);
    expect(named(targets, "private ranges")).toContain("10.0.0.1:80");
    expect(named(targets, "private ranges")).not.toContain("192.168.0.1:80");
  });

  it("expects names to be answered where this machine has a resolver, and what the operator names to be reached", () => {
    const reached = (targets: readonly ProbeTarget[]): readonly string[] =>
      targets.filter(({ expected }) => expected === "reached").map(nameOf);
    expect(reached(plan({ resolvers: [] }))).toEqual([]);
    expect(reached(plan({ probeTarget: { host: "cache.example", port: 443 } }))).toEqual([
      "198.18.224.1:53/udp",
      "198.18.224.1:53",
      "198.18.224.2:53/udp",
      "198.18.224.2:53",
      "cache.example:443",
    ]);
  });
});

const FORBIDDEN: ProbeTarget = {
  what: "instance metadata",
  via: "tcp",
  host: "169.254.169.254",
  port: 80,
  expected: "refused",
  deadlineMs: 1,
};
const OWN: ProbeTarget = { ...FORBIDDEN, via: "udp", host: "fe80::1%eth0", port: 9 };
const NAMES: ProbeTarget = {
  ...FORBIDDEN,
  via: "dns-udp",
  host: "198.18.224.1",
  port: 53,
  expected: "reached",
  anyOf: "names",
};
const ORDERED: ProbeTarget = { ...FORBIDDEN, host: "10.1.1.1", expected: "reached" };
const BOTH = new Set(["dns-udp", "dns-tcp"] as const);

const failed = (code: string): ProbeOutcome => ({ is: "failed", code });
const ANSWERED: ProbeOutcome = { is: "answered", detail: "NXDOMAIN" };
const SILENT: ProbeOutcome = { is: "silent" };

describe("what a probe found", () => {
  it.each([
    { what: "a forbidden connection", target: FORBIDDEN, outcome: ANSWERED, got: "reached", ok: false },
    {
      what: "a forbidden target's reset",
      target: FORBIDDEN,
      outcome: failed("ECONNREFUSED"),
      got: "reached",
      ok: false,
    },
    { what: "the guard's word in IPv4", target: FORBIDDEN, outcome: failed("EHOSTUNREACH"), got: "refused", ok: true },
    { what: "the guard's word in IPv6", target: FORBIDDEN, outcome: failed("EACCES"), got: "refused", ok: true },
    { what: "no answer", target: FORBIDDEN, outcome: SILENT, got: "silent", ok: true },
    { what: "the kernel's timeout", target: FORBIDDEN, outcome: failed("ETIMEDOUT"), got: "silent", ok: true },
    { what: "no route", target: FORBIDDEN, outcome: failed("ENETUNREACH"), got: "unroutable", ok: true },
    { what: "a name that is answered", target: NAMES, outcome: ANSWERED, got: "reached", ok: true },
    { what: "a resolver that is not there", target: NAMES, outcome: failed("ECONNREFUSED"), got: "refused", ok: false },
    { what: "a silent resolver", target: NAMES, outcome: SILENT, got: "silent", ok: false },
    {
      what: "what must be reached, and resets",
      target: ORDERED,
      outcome: failed("ECONNREFUSED"),
      got: "reached",
      ok: true,
    },
    { what: "what must be reached, and is silent", target: ORDERED, outcome: SILENT, got: "silent", ok: false },
    {
      what: "what must be reached, without a route",
      target: ORDERED,
      outcome: failed("ENETUNREACH"),
      got: "unroutable",
      ok: false,
    },
    {
      what: "what must be reached, and is refused",
      target: ORDERED,
      outcome: failed("EHOSTUNREACH"),
      got: "refused",
      ok: false,
    },
  ])("$what is $got: $ok", ({ target, outcome, got, ok }) => {
    expect(judgeProbe([target], [outcome], [], BOTH)).toMatchObject([{ got, ok, expected: target.expected }]);
  });

  it("counts what was heard there as reached, though its sender never knew", () => {
    const heard = { via: "udp", address: "fe80::1", port: 9 } as const;
    expect(judgeProbe([OWN], [SILENT], [heard], BOTH)).toMatchObject([
      { got: "reached", ok: false, detail: "heard there" },
    ]);
    expect(judgeProbe([OWN], [SILENT], [{ ...heard, via: "tcp" }], BOTH)).toMatchObject([{ ok: true }]);
    expect(judgeProbe([OWN], [SILENT], [{ ...heard, port: 10 }], BOTH)).toMatchObject([{ ok: true }]);
  });

  it("is content with one resolver of several, and excuses all where this machine itself gets no answer", () => {
    const two = [NAMES, { ...NAMES, host: "198.18.224.2" }];
    expect(judgeProbe(two, [SILENT, ANSWERED], [], BOTH).map(({ ok }) => ok)).toEqual([true, true]);
    expect(judgeProbe(two, [SILENT, SILENT], [], BOTH).map(({ ok }) => ok)).toEqual([false, false]);
    expect(judgeProbe(two, [SILENT, SILENT], [], new Set()).map(({ ok }) => ok)).toEqual([true, true]);
  });

  it("takes a missing outcome for silence", () => {
    expect(judgeProbe([FORBIDDEN, ORDERED], [], [], BOTH).map(({ ok }) => ok)).toEqual([true, false]);
  });
});
