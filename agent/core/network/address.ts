/** An IP address as a number. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

export type Family = "ipv4" | "ipv6";

export const BITS = { ipv4: 32, ipv6: 128 } as const satisfies Record<Family, number>;

const GROUPS = 8;

/** Undefined for what is no address; an IPv6 address with a zone ("fe80::1%eth0") is none here. */
export function parseAddress(text: string): Address | undefined {
  const family = text.includes(":") ? "ipv6" : "ipv4";
  const value = family === "ipv6" ? ipv6Value(text) : ipv4Value(text);
  return value === undefined ? undefined : { family, value };
}

/** As RFC 5952 wants it, except that an embedded IPv4 address is not written with dots. */
export function formatAddress({ family, value }: Address): string {
  if (family === "ipv4") return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join(".");
  const groups = Array.from({ length: GROUPS }, (_, at) => (value >> BigInt(16 * (GROUPS - 1 - at))) & 0xffffn);
  const words = groups.map((group) => group.toString(16));
  const { at, length } = longestZeros(groups);
  if (length < 2) return words.join(":");
  return `${words.slice(0, at).join(":")}::${words.slice(at + length).join(":")}`;
}

function ipv4Value(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function ipv6Value(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(groupsOf);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = GROUPS - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0n), ...(tail ?? [])];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

/** The 16-bit groups of one side of "::"; its last may be an IPv4 address. */
function groupsOf(side: string): readonly bigint[] | undefined {
  if (side === "") return [];
  const words = side.split(":");
  const groups: bigint[] = [];
  for (const [at, word] of words.entries()) {
    const embedded = at === words.length - 1 && word.includes(".") ? ipv4Value(word) : undefined;
    if (embedded !== undefined) groups.push(embedded >> 16n, embedded & 0xffffn);
    else if (/^[0-9a-f]{1,4}$/i.test(word)) groups.push(BigInt(`0x${word}`));
    else return undefined;
  }
  return groups;
}

function longestZeros(groups: readonly bigint[]): { readonly at: number; readonly length: number } {
  let longest = { at: 0, length: 0 };
  for (let at = 0; at < groups.length; at += 1) {
    const end = groups.findIndex((group, index) => index >= at && group !== 0n);
    const length = (end === -1 ? groups.length : end) - at;
    if (length > longest.length) longest = { at, length };
  }
  return longest;
}
