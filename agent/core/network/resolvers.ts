import { type Address, formatAddress, parseAddress } from "./address.ts";
import { type Cidr, cidr, contains } from "./cidr.ts";

/** glibc asks no more than three (MAXNS, resolv.conf(5)). */
export const RESOLVERS_MAX = 3;

/** What a resolv.conf says, as far as it concerns builds. */
export interface ResolvConf {
  readonly nameservers: readonly string[];
  /** The last `search` or `domain` counts (resolv.conf(5)). */
  readonly search: readonly string[];
  /** "ndots:2", "rotate". */
  readonly options: readonly string[];
}

export function parseResolvConf(text: string): ResolvConf {
  const lines = text.split("\n").map((line) =>
    line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/),
  );
  const wordsOf = (...keys: readonly string[]): readonly (readonly string[])[] =>
    lines.filter(([key = ""]) => keys.includes(key)).map(([, ...words]) => words);
  return {
    nameservers: wordsOf("nameserver").flatMap(([address]) => (address === undefined ? [] : [address])),
    search: (wordsOf("search", "domain").at(-1) ?? []).filter((domain) => isDomain(domain)),
    options: wordsOf("options")
      .flat()
      .filter((option) => /^[a-z0-9-]+(:\d+)?$/.test(option)),
  };
}

/** A name of letters, digits, dashes, underscores and dots, with or without its last dot. */
export function isDomain(text: string): boolean {
  return text.length <= 254 && /^([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?$/.test(text);
}

/** systemd-resolved's stub and its like: builds cannot reach it, whoever it asks they can. */
export function isStub({ nameservers }: ResolvConf): boolean {
  return nameservers.length > 0 && nameservers.every((text) => isLoopback(parseAddress(text)));
}

/**
 * Whom the machine asks for names and builds can be led to: at most three. Not what is on a
 * loopback, has a zone, or is this machine itself, where nothing of a build goes in; nor an address
 * of `builds0`, which would lead in a circle. `machine`: its own addresses; `builds`: the builds'
 * ranges.
 */
export function usableResolvers(
  { nameservers }: ResolvConf,
  machine: readonly string[],
  builds: readonly Cidr[],
): readonly Address[] {
  const own = new Set(machine);
  const never = [...LOOPBACK, ...UNUSABLE, ...builds];
  const found = nameservers.flatMap((text) => parseAddress(text) ?? []);
  const usable = found.filter(
    (address) => !never.some((range) => contains(range, address)) && !own.has(formatAddress(address)),
  );
  const distinct = new Map(usable.map((address) => [formatAddress(address), address]));
  return [...distinct.values()].slice(0, RESOLVERS_MAX);
}

/** Whom it asks on its own loopback, where no build gets. */
export function localResolvers({ nameservers }: ResolvConf): readonly Address[] {
  return nameservers.flatMap((text) => parseAddress(text) ?? []).filter(isLoopback);
}

const LOOPBACK = [cidr("127.0.0.0/8"), cidr("::1/128")];
const UNUSABLE = [cidr("0.0.0.0/8"), cidr("224.0.0.0/4"), cidr("::/128"), cidr("fe80::/10"), cidr("ff00::/8")];

function isLoopback(address: Address | undefined): boolean {
  return address !== undefined && LOOPBACK.some((range) => contains(range, address));
}
