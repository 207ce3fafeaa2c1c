import { expect, it } from "vitest";
import { cidr, formatCidr } from "../../agent/core/network/cidr.ts";
import { chooseRange } from "../../agent/core/network/ranges.ts";

interface Row {
  readonly what: string;
  readonly family?: "ipv4" | "ipv6";
  readonly present?: string;
  readonly mayMove?: boolean;
  readonly machine?: readonly string[];
  readonly avoid?: readonly string[];
  readonly range: string | undefined;
  readonly collisions?: readonly string[];
}

const FIRST = "198.18.224.0/20";

const TABLE: readonly Row[] = [
  { what: "a machine without routes", range: FIRST },
  { what: "a default route is no collision", machine: ["0.0.0.0/0"], avoid: ["0.0.0.0/0"], range: FIRST },
  { what: "a usual machine", machine: ["10.0.0.0/24", "169.254.0.0/16", "172.17.0.0/16", "127.0.0.0/8"], range: FIRST },
  { what: "one address of the first range is taken", machine: ["198.18.230.7/32"], range: "198.19.112.0/20" },
  { what: "benchmarks are routed", machine: ["198.18.0.0/15"], range: "172.30.224.0/20" },
  { what: "somebody else routes benchmarks", avoid: ["198.18.0.0/15"], range: "172.30.224.0/20" },
  {
    what: "benchmarks and 172.16/12 are routed",
    machine: ["198.18.0.0/15", "172.16.0.0/12"],
    range: "10.213.208.0/20",
  },
  {
    what: "only 192.168 is left",
    machine: ["198.18.0.0/15", "172.16.0.0/12", "10.0.0.0/8"],
    range: "192.168.208.0/20",
  },
  {
    what: "this machine leaves none",
    machine: ["198.18.0.0/15", "172.16.0.0/12", "10.0.0.0/8", "192.168.0.0/16"],
    range: undefined,
  },
  {
    what: "others leave none: what this machine leaves",
    machine: ["10.0.0.0/8"],
    avoid: ["0.0.0.0/1", "128.0.0.0/1"],
    range: FIRST,
    collisions: ["128.0.0.0/1"],
  },
  { what: "what is in force stays", present: "10.171.96.0/20", mayMove: true, range: "10.171.96.0/20" },
  {
    what: "what is in force collides and may move",
    present: FIRST,
    mayMove: true,
    avoid: ["198.18.0.0/16"],
    range: "198.19.112.0/20",
  },
  {
    what: "what is in force collides and may not move",
    present: FIRST,
    avoid: ["198.18.0.0/16"],
    range: FIRST,
    collisions: ["198.18.0.0/16"],
  },
  {
    what: "what is in force collides and there is nothing better",
    present: FIRST,
    mayMove: true,
    avoid: ["0.0.0.0/1", "128.0.0.0/1"],
    range: FIRST,
    collisions: ["128.0.0.0/1"],
  },
  { what: "IPv6: a machine without routes", family: "ipv6", range: "fd4e:9a31:c70b::/64" },
  { what: "IPv6: other unique local addresses", family: "ipv6", machine: ["fd00::/64"], range: "fd4e:9a31:c70b::/64" },
  { what: "IPv6: ours by chance", family: "ipv6", avoid: ["fd4e:9a31:c70b::/48"], range: "fdb3:62d8:15fa::/64" },
  { what: "IPv6: all of them", family: "ipv6", machine: ["fc00::/7"], range: undefined },
];

it.each(TABLE)("$what: $range", ({ family = "ipv4", present, mayMove = false, machine = [], avoid = [], ...then }) => {
  const chosen = chooseRange(family, {
    present: present === undefined ? undefined : cidr(present),
    mayMove,
    machine: machine.map(cidr),
    avoid: avoid.map(cidr),
  });
  expect(chosen && formatCidr(chosen.range)).toBe(then.range);
  expect(chosen?.collisions.map(formatCidr) ?? []).toEqual(then.collisions ?? []);
});
