/** IPv4 inside IPv6 (RFC 4291, section 2.5.5.2), as the kernel writes it on a dual-stack socket. */
const MAPPED = "::ffff:";
const GROUPS = 8;
const GROUPS_OF_A_SUBNET = 4;

/**
 * Who counts as one: an IPv4 address, or an IPv6 /64, which is what one customer line or one host
 * can use freely.
 * @param address as the socket gives it.
 */
export function sourceOf(address: string): string {
  const bare = address.toLowerCase().replace(/%.*$/, "");
  if (bare.startsWith(MAPPED) && bare.includes(".")) return bare.slice(MAPPED.length);
  if (!bare.includes(":")) return bare;
  const [head = "", tail] = bare.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, GROUPS - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right];
  const subnet = groups.slice(0, GROUPS_OF_A_SUBNET).map((group) => Number.parseInt(group, 16).toString(16));
  return `${subnet.join(":")}::/64`;
}
