import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sameData } from "../../agent/core/equality.ts";
import { Secret } from "../../agent/core/secret.ts";

describe("two values", () => {
  it("say the same when one is a copy of the other", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true }), (part) => {
        const value = { part, map: new Map([["key", part]]), set: new Set(["a", 1n]) };
        expect(sameData(value, structuredClone(value))).toBe(true);
      }),
    );
  });

  it.each([
    { a: { x: 1 }, b: { x: 1, y: undefined }, same: true },
    { a: { x: 1 }, b: { x: 1, y: 2 }, same: false },
    { a: { x: 1, y: 2 }, b: { x: 1 }, same: false },
    { a: [1, 2], b: [1, 3], same: false },
    { a: [1, 2], b: [1, 2, 3], same: false },
    { a: [], b: {}, same: false },
    { a: {}, b: [], same: false },
    { a: new Map([["a", 1]]), b: new Map([["a", 2]]), same: false },
    { a: new Map([["a", 1]]), b: new Map([["b", 1]]), same: false },
    { a: new Set(["a"]), b: new Set(["a"]), same: true },
    { a: new Set(["a"]), b: new Set(["b"]), same: false },
    { a: new Uint8Array([1]), b: new Uint8Array([1]), same: true },
    { a: new Uint8Array([1]), b: new Uint8Array([2]), same: false },
    { a: new Secret("a"), b: new Secret("a"), same: true },
    { a: new Secret("a"), b: new Secret("b"), same: false },
    { a: new Secret("a"), b: {}, same: false },
    { a: Promise.resolve(), b: Promise.resolve(), same: false },
    { a: null, b: {}, same: false },
    { a: 1, b: 1n, same: false },
  ])("$a and $b: $same", ({ a, b, same }) => {
    expect(sameData(a, b)).toBe(same);
  });
});
