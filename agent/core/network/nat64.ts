import { type Address, parseAddress } from "./address.ts";
import { type Cidr, parseCidr } from "./cidr.ts";

/** RFC 6052, 2.2: the prefixes that a NAT64 gateway may have. */
const LENGTHS: ReadonlySet<number> = new Set([32, 40, 48, 56, 64, 96]);

/** Octet 8 of such an address (bits 64 to 71) is always zero, and carries nothing. */
const RESERVED_OCTET = 8;
const OCTETS = 16;

/** Undefined for what no NAT64 gateway can have, also where bits are set beyond the length. */
export function parseNat64Prefix(text: string): Cidr | undefined {
  const range = parseCidr(text);
  const written = parseAddress(text.split("/")[0] ?? "");
  if (range?.family !== "ipv6" || range.base !== written?.value || !LENGTHS.has(range.prefix)) return undefined;
  return octetOf(range.base, RESERVED_OCTET) === 0n ? range : undefined;
}

/** How an IPv4 address is asked for through the gateway that has this prefix. */
export function throughNat64({ base, prefix }: Cidr, ipv4: Address): Address {
  const places = Array.from({ length: OCTETS }, (_, at) => at)
    .slice(prefix / 8)
    .filter((at) => at !== RESERVED_OCTET || prefix > 64)
    .slice(0, 4);
  const octet = (at: number): bigint => (ipv4.value >> BigInt(8 * (3 - at))) & 0xffn;
  return {
    family: "ipv6",
    value: places.reduce((value, place, at) => value | (octet(at) << BigInt(8 * (OCTETS - 1 - place))), base),
  };
}

function octetOf(value: bigint, at: number): bigint {
  return (value >> BigInt(8 * (OCTETS - 1 - at))) & 0xffn;
}
