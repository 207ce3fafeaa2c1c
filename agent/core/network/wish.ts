import { AgentError } from "../errors.ts";
import { type Address, parseAddress } from "./address.ts";
import { type Cidr, parseCidr } from "./cidr.ts";
import type { NetworkOrder } from "./order.ts";
import { isDomain } from "./resolvers.ts";

/**
 * An order whose every word was understood: only numbers and plain names go on to the kernel's
 * tools.
 */
export interface NetworkWish {
  readonly tailnet: NetworkOrder["tailnet"];
  readonly searchDomains: readonly string[];
  /** Undefined: the internet. None: nothing but names. */
  readonly allowed: readonly Cidr[] | undefined;
  readonly allowPrivateRanges: boolean;
  readonly mirrors: readonly { readonly address: Address; readonly port: number }[];
  readonly avoid: readonly Cidr[];
  readonly mayMove: boolean;
}

/** As long as nobody has said what builds may reach. */
export const CLOSED: NetworkWish = {
  tailnet: "closed",
  searchDomains: [],
  allowed: [],
  allowPrivateRanges: false,
  mirrors: [],
  avoid: [],
  mayMove: false,
};

/** @throws {AgentError} "network.refused" naming what is no range or no name. */
export function wishOf({ tailnet, searchDomains, egress, mirrors, avoid, mayMove }: NetworkOrder): NetworkWish {
  const bad = searchDomains.find((domain) => !isDomain(domain));
  if (bad !== undefined) throw refused(`${quoted(bad)} is no domain to search`);
  const allowed = egress.allowedCidrs.map((text) => rangeOf(text, "what builds may reach"));
  return {
    tailnet,
    searchDomains,
    allowed: allowed.length === 0 ? undefined : allowed,
    allowPrivateRanges: egress.allowPrivateRanges,
    mirrors: mirrors.map(({ address, port }) => ({ address: addressOf(address), port })),
    avoid: avoid.map((text) => rangeOf(text, "what builds' addresses must avoid")),
    mayMove,
  };
}

function rangeOf(text: string, what: string): Cidr {
  const range = parseCidr(text);
  if (range === undefined)
    throw refused(`${quoted(text)} in ${what} is no CIDR: it takes one like "192.0.2.0/24" or "2001:db8::/32"`);
  return range;
}

function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw refused(`${quoted(text)} is no address of a registry's mirror`);
  return address;
}

function refused(because: string): AgentError {
  return new AgentError("network.refused", `The order for the builds' network was refused: ${because}`, {
    retryable: false,
  });
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
