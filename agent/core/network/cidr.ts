import { type Address, BITS, type Family, formatAddress, parseAddress } from "./address.ts";

/** A range of addresses: those that begin as `base` does, for `prefix` bits. */
export interface Cidr extends Range {
  readonly prefix: number;
}

interface Range {
  readonly family: Family;
  readonly base: bigint;
}

/**
 * Bits beyond the prefix are dropped; an address alone is a range of one. Undefined for what is
 * neither.
 */
export function parseCidr(text: string): Cidr | undefined {
  const [first = "", length, ...rest] = text.split("/");
  const address = parseAddress(first);
  if (address === undefined || rest.length > 0) return undefined;
  const bits = BITS[address.family];
  if (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const prefix = length === undefined ? bits : Number(length);
  if (prefix > bits) return undefined;
  const host = BigInt(bits - prefix);
  return { family: address.family, base: (address.value >> host) << host, prefix };
}

/** For what is written in this program. @throws {TypeError} */
export function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new TypeError(`${text} is no CIDR`);
  return parsed;
}

export function formatCidr({ family, base, prefix }: Cidr): string {
  return `${formatAddress({ family, value: base })}/${prefix}`;
}

export function overlap(a: Cidr, b: Cidr): boolean {
  if (a.family !== b.family) return false;
  const host = BigInt(BITS[a.family] - Math.min(a.prefix, b.prefix));
  return a.base >> host === b.base >> host;
}

export function contains(range: Cidr, { family, value }: Address): boolean {
  return overlap(range, { family, base: value, prefix: BITS[family] });
}

/** The address at `index` of the range, counted from its base. */
export function nth({ family, base }: Range, index: number): Address {
  return { family, value: base + BigInt(index) };
}

/** The same addresses without a range that lies in another one: a set of nftables refuses those. */
export function widest(ranges: readonly Cidr[]): readonly Cidr[] {
  const kept: Cidr[] = [];
  // Two ranges are apart, or one holds the other: the one that could hold a range comes before it.
  for (const range of ranges.toSorted(byAddress)) {
    const last = kept.at(-1);
    if (last === undefined || !overlap(last, range)) kept.push(range);
  }
  return kept;
}

function byAddress(a: Cidr, b: Cidr): number {
  if (a.family !== b.family) return a.family < b.family ? -1 : 1;
  if (a.base !== b.base) return a.base < b.base ? -1 : 1;
  return a.prefix - b.prefix;
}
