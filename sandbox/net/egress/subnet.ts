import { randomBytes } from "node:crypto";
import { z } from "zod";
import { EXIT, SandboxFailure } from "../../failure.ts";
import type { NetworkPlace } from "../place.ts";

/** The two ends of a cable, with prefix lengths. */
export interface Subnet {
  readonly near: string;
  readonly far: string;
}

/**
 * For benchmarks between two networks (RFC 2544), which nobody routes: 198.19.255.0/24, by fours.
 */
const FIRST = [198, 19, 255] as const;
const PREFIX_LENGTH = 30;

const routes = z.array(z.looseObject({ dst: z.string() }));

/** A /30 of which this place knows no route yet. @throws {SandboxFailure} if all are taken. */
export async function freeIpv4(place: NetworkPlace): Promise<Subnet> {
  const table = await place.run("ip", ["-json", "-4", "route", "show", "table", "all"]);
  const taken = routes.parse(JSON.parse(table)).map(({ dst }) => dst);
  for (let first = 0; first < 256; first += 4) {
    const [near, far] = [first + 1, first + 2].map((last) => [...FIRST, last].join("."));
    if (near !== undefined && far !== undefined && !taken.some((route) => covers(route, near)))
      return { near: `${near}/${PREFIX_LENGTH}`, far: `${far}/${PREFIX_LENGTH}` };
  }
  throw new SandboxFailure(EXIT.unavailable, "198.19.255.0/24 is in use: there is no address left for a way out.");
}

/** Of a unique local network of its own (RFC 4193): 40 random bits, which no other has. */
export function randomIpv6(): Subnet {
  const [a = "", b = "", c = ""] =
    randomBytes(5)
      .toString("hex")
      .match(/^..|..../g) ?? [];
  const prefix = `fd${a}:${b}:${c}`;
  return { near: `${prefix}::1/64`, far: `${prefix}::2/64` };
}

/** Whether an IPv4 route is to this address. The default route is to all, and takes none. */
function covers(route: string, address: string): boolean {
  const [network = "", length = "32"] = route.split("/");
  if (!/^[\d.]+$/.test(network) || length === "0") return false;
  const shift = 32 - Number(length);
  return Math.floor(asNumber(network) / 2 ** shift) === Math.floor(asNumber(address) / 2 ** shift);
}

function asNumber(address: string): number {
  return address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
}
