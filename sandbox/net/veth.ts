import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { NetworkPlace } from "./place.ts";

const UP_DEADLINE_MS = 5_000;
const LOOK_EVERY_MS = 10;
/**
 * Two ends of the same index, as the first links of two new namespaces have it, look to the kernel
 * like one link, of which it tells up to 1 s later (linkwatch_urgent_event). Far from those that it
 * gives by itself.
 */
const INDEXES = [1_000_000, 2_000_000] as const;

/** One end of a cable, and what the network that it is in knows of it. */
export interface VethEnd {
  readonly place: NetworkPlace;
  /** Of the link; at most 15 characters. */
  readonly link: string;
  /** With their prefix lengths, of both families: "192.0.2.1/30", "2001:db8::1/64". */
  readonly addresses: readonly string[];
  /** Where the other end leads to: CIDRs or "default", by way of one of its addresses. */
  readonly routes?: readonly { readonly to: string; readonly via: string }[];
}

/**
 * Lays a cable between two networks. Both ends are up, with their addresses usable at once. It goes
 * when either network does, or when either link is deleted. Neither end is ever anywhere but in its
 * own network.
 */
export async function connect(a: VethEnd, b: VethEnd): Promise<void> {
  const peer = ["peer", "name", b.link, "netns", `${b.place.pid}`];
  await a.place.run("ip", ["link", "add", a.link, "index", `${randomInt(...INDEXES)}`, "type", "veth", ...peer]);
  for (const end of [a, b]) {
    // Duplicate address detection would keep IPv6 addresses, the link's own included, from being
    // used for a second or two.
    if (end.addresses.some(isIpv6)) await end.place.run("sysctl", ["-qw", `net.ipv6.conf.${end.link}.accept_dad=0`]);
    await end.place.run("ip", ["-batch", "-"], { input: addressLines(end) });
  }
  for (const end of [a, b]) {
    await untilUp(end);
    await end.place.run("ip", ["-batch", "-"], { input: routeLines(end) });
  }
}

/**
 * The kernel tells an end later that the other one is up; what is sent before is dropped, neighbour
 * discovery for one. @throws {Error}
 */
async function untilUp({ place, link }: VethEnd): Promise<void> {
  for (let waitedMs = 0; waitedMs < UP_DEADLINE_MS; waitedMs += LOOK_EVERY_MS) {
    if (/ UP /.test(await place.run("ip", ["-brief", "link", "show", "dev", link]))) return;
    await sleep(LOOK_EVERY_MS);
  }
  throw new Error(`The link ${link} of ${place.name} is not up after ${UP_DEADLINE_MS} ms.`);
}

function addressLines({ link, addresses }: VethEnd): string {
  const added = addresses.map((cidr) => `address add ${cidr} dev ${link}\n`);
  return `${added.join("")}link set ${link} up\n`;
}

function routeLines({ link, routes = [] }: VethEnd): string {
  const lines = routes.map(({ to, via }) => {
    const target = to === "default" ? (isIpv6(via) ? "::/0" : "0.0.0.0/0") : to;
    return `route add ${target} via ${via} dev ${link}\n`;
  });
  return lines.join("");
}

function isIpv6(address: string): boolean {
  return address.includes(":");
}
