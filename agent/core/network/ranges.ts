import type { Family } from "./address.ts";
import { type Cidr, cidr, overlap } from "./cidr.ts";

/**
 * Where the builds' range may lie, the best first: what hardly anybody routes. Each IPv4 range has
 * room for 4,000 steps at a time.
 * 198.18.0.0/15 is for benchmarks of network devices (RFC 2544): no company numbers its hosts from
 * it, and no cloud does. The ends of the private ranges come next: people, clouds and container
 * engines begin at their beginnings (10.0, 172.17, 192.168.0). The IPv6 ranges have global ids
 * drawn by lot, as RFC 4193 wants them. An address of theirs also makes programs prefer IPv4
 * wherever a name has both (RFC 6724), which is right on a machine that has no way out for IPv6.
 */
const CANDIDATES: Readonly<Record<Family, readonly Cidr[]>> = {
  ipv4: [
    "198.18.224.0/20",
    "198.19.112.0/20",
    "198.18.96.0/20",
    "198.19.208.0/20",
    "172.30.224.0/20",
    "10.213.208.0/20",
    "192.168.208.0/20",
    "172.22.176.0/20",
    "10.171.96.0/20",
  ].map(cidr),
  ipv6: ["fd4e:9a31:c70b::/64", "fdb3:62d8:15fa::/64", "fd97:0c4d:e286::/64"].map(cidr),
};

export interface RangeWish {
  /** What is in force; undefined: nothing yet. */
  readonly present: Cidr | undefined;
  /** Whether it may change. */
  readonly mayMove: boolean;
  /** What this machine routes and has, builds' own links left out. */
  readonly machine: readonly Cidr[];
  /** What others route. */
  readonly avoid: readonly Cidr[];
}

/**
 * The range of one family, and what it overlaps for now. A range in force moves only where it must
 * and may, and only to one that is free of both. A route to everything counts as no collision: it
 * is the way out. Undefined: there is none yet, and none that this machine leaves free.
 */
export function chooseRange(
  family: Family,
  { present, mayMove, machine, avoid }: RangeWish,
): { readonly range: Cidr; readonly collisions: readonly Cidr[] } | undefined {
  const collisionsOf = (range: Cidr, others: readonly Cidr[]): readonly Cidr[] =>
    others.filter((other) => other.prefix > 0 && overlap(range, other));
  const all = [...machine, ...avoid];
  const free = CANDIDATES[family].find((range) => collisionsOf(range, all).length === 0);
  const stays = present !== undefined && (!mayMove || free === undefined || collisionsOf(present, all).length === 0);
  const least = CANDIDATES[family].find((range) => collisionsOf(range, machine).length === 0);
  const range = stays ? present : (free ?? least);
  return range && { range, collisions: collisionsOf(range, all) };
}
