import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LeakyBucket } from "../../agent/core/leaky-bucket.ts";

const TEN = { holds: 10, leaksPerMs: 0.1 };

describe("a bucket that holds ten and loses one in ten ms", () => {
  it("takes ten at once, then one in ten ms, and after a rest ten again", () => {
    const bucket = new LeakyBucket(TEN);
    const taken = (atMs: number): number =>
      Array.from({ length: 20 }, () => bucket.takes(1, atMs)).filter(Boolean).length;
    expect([taken(5_000), taken(5_009), taken(5_010), taken(5_030), taken(9_000)]).toEqual([10, 0, 1, 2, 10]);
  });

  it("takes no more than there is room for, and then nothing of it", () => {
    const bucket = new LeakyBucket(TEN);
    expect([bucket.takes(8, 0), bucket.takes(3, 0), bucket.takes(2, 0)]).toEqual([true, false, true]);
  });

  it("says how long what runs over takes to run out, but for what is beyond the longest wait", () => {
    const bucket = new LeakyBucket(TEN);
    expect(bucket.overflowMs(10, 0, 500)).toBe(0);
    expect(bucket.overflowMs(2, 0, 500)).toBeCloseTo(20);
    expect(bucket.overflowMs(1, 10, 500)).toBeCloseTo(20);
    expect(bucket.overflowMs(1_000_000, 10, 500)).toBeCloseTo(500);
    expect(bucket.overflowMs(0, 510, 500)).toBeCloseTo(0);
  });
});

it("never takes more than it holds and what has run out since it began, whenever it is asked", () => {
  const asks = fc.array(fc.record({ afterMs: fc.nat(100), amount: fc.nat(12) }), { maxLength: 100 });
  fc.assert(
    fc.property(asks, (list) => {
      const bucket = new LeakyBucket(TEN);
      let [nowMs, taken] = [0, 0];
      for (const { afterMs, amount } of list) {
        nowMs += afterMs;
        if (bucket.takes(amount, nowMs)) taken += amount;
      }
      expect(taken).toBeLessThanOrEqual(TEN.holds + nowMs * TEN.leaksPerMs + 1e-6);
    }),
  );
});
