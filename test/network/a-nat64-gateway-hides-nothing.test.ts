import { expect, it } from "vitest";
import { formatAddress, parseAddress } from "../../agent/core/network/address.ts";
import { parseNat64Prefix, throughNat64 } from "../../agent/core/network/nat64.ts";

/** RFC 6052, 2.4. */
it.each([
  { prefix: "2001:db8::/32", address: "2001:db8:c000:221::" },
  { prefix: "2001:db8:100::/40", address: "2001:db8:1c0:2:21::" },
  { prefix: "2001:db8:122::/48", address: "2001:db8:122:c000:2:2100::" },
  { prefix: "2001:db8:122:300::/56", address: "2001:db8:122:3c0:0:221::" },
  { prefix: "2001:db8:122:344::/64", address: "2001:db8:122:344:c0:2:2100::" },
  { prefix: "2001:db8:122:344::/96", address: "2001:db8:122:344::192.0.2.33" },
])("192.0.2.33 is $address behind $prefix", ({ prefix, address }) => {
  const [range, ipv4, expected] = [parseNat64Prefix(prefix), parseAddress("192.0.2.33"), parseAddress(address)];
  if (range === undefined || ipv4 === undefined || expected === undefined) throw new Error("does not parse");
  expect(formatAddress(throughNat64(range, ipv4))).toBe(formatAddress(expected));
});

it.each([
  "2001:db8::/33",
  "2001:db8::/128",
  "2001:db8::",
  "10.0.0.0/32",
  "2001:db8::1/96",
  "2001:db8:0:0:100::/96",
  "",
])("no gateway can have the prefix %j", (text) => {
  expect(parseNat64Prefix(text)).toBeUndefined();
});
