import type { NetworkPlace } from "./place.ts";

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
 * Lays a cable between two networks. Both ends are up, with their addresses usable at once. It goes when either network does, or when either
 * link is deleted. Neither end is ever anywhere but in its own network.
 */
export async function connect(a: VethEnd, b: VethEnd): Promise<void> {
  const peer = ["peer", "name", b.link, "netns", `${b.place.pid}`];
  await a.place.run("ip", ["link", "add", a.link, "type", "veth", ...peer]);
  for (const end of [a, b]) await end.place.run("ip", ["-batch", "-"], { input: addressLines(end) });
  // Only once both are up have both a carrier, without which a route is not taken.
  for (const end of [a, b]) await end.place.run("ip", ["-batch", "-"], { input: routeLines(end) });
}

function addressLines({ link, addresses }: VethEnd): string {
  // Duplicate address detection would keep an IPv6 address from being used for a second.
  const added = addresses.map((cidr) => `address add ${cidr} dev ${link}${isIpv6(cidr) ? " nodad" : ""}\n`);
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
