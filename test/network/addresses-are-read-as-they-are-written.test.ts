import { isIPv4, isIPv6, SocketAddress } from "node:net";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { formatAddress, parseAddress } from "../../agent/core/network/address.ts";
import { cidr, contains, formatCidr, overlap, parseCidr, widest } from "../../agent/core/network/cidr.ts";

/** As Node writes it, which is as the kernel's tools do. */
function canonical(address: string): string {
  return new SocketAddress({ address, family: address.includes(":") ? "ipv6" : "ipv4" }).address;
}

it("reads every IPv4 address, and writes it as it was", () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      const address = parseAddress(text);
      expect(address && formatAddress(address)).toBe(text);
    }),
  );
});

it("reads every IPv6 address however it is written, and writes it in one way", () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const address = parseAddress(text);
      const written = address === undefined ? "" : formatAddress(address);
      expect(isIPv6(written)).toBe(true);
      expect(canonical(written)).toBe(canonical(text));
      expect(written).not.toContain(".");
      expect(parseAddress(written)).toEqual(address);
    }),
  );
});

it("takes nothing for an address that is none", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."0123456789abcdefg:./% ".split("")) }), (text) => {
      expect(parseAddress(text) !== undefined).toBe(isIPv4(text) || (isIPv6(text) && !text.includes("%")));
    }),
    { numRuns: 5_000 },
  );
});

it.each([
  ["10.1.2.3/8", "10.0.0.0/8"],
  ["10.1.2.3", "10.1.2.3/32"],
  ["2001:db8::1/32", "2001:db8::/32"],
  ["::/0", "::/0"],
  ["::ffff:192.0.2.1", "::ffff:c000:201/128"],
])("takes %s for %s", (text, range) => {
  expect(formatCidr(cidr(text))).toBe(range);
});

it.each([
  "",
  "/",
  "10.0.0.0/33",
  "10.0.0.0/",
  "10.0.0.0/8/8",
  "10.0.0.0/08",
  "10.0.0.0/-1",
  "::/129",
  "default",
  "010.0.0.1/8",
])("takes %j for no range", (text) => {
  expect(parseCidr(text)).toBeUndefined();
});

const range = fc
  .tuple(fc.nat(), fc.integer({ min: 0, max: 32 }))
  .map(([base, prefix]) => cidr(`${dotted(base)}/${prefix}`));

function dotted(base: number): string {
  return formatAddress({ family: "ipv4", value: BigInt(base) });
}

it("says that ranges overlap exactly if one has the other's first address", () => {
  fc.assert(
    fc.property(range, range, (a, b) => {
      const first = (of: typeof a) => ({ family: of.family, value: of.base });
      expect(overlap(a, b)).toBe(contains(a, first(b)) || contains(b, first(a)));
    }),
  );
});

it("merges ranges without losing or adding an address", () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 8 }), fc.nat(), (ranges, value) => {
      const address = { family: "ipv4", value: BigInt(value) } as const;
      const merged = widest(ranges);
      expect(merged.some((each) => contains(each, address))).toBe(ranges.some((each) => contains(each, address)));
      expect(merged.every((each, at) => merged.every((other, index) => at === index || !overlap(each, other)))).toBe(
        true,
      );
    }),
  );
});
