import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cacheSpace } from "../../agent/core/buildkit-space.ts";

const GB = 1e9;
const none = { reservedSpaceBytes: 0, maxUsedSpaceBytes: 0, minFreeSpaceBytes: 0 };

describe("the space of the cache", () => {
  it.each([
    { disk: 100 * GB, wanted: {}, space: [20, 80, 10], notes: 0 },
    { disk: 100 * GB, wanted: { minFreeSpaceBytes: 30 * GB }, space: [20, 70, 30], notes: 0 },
    { disk: 100 * GB, wanted: { maxUsedSpaceBytes: 10 * GB }, space: [10, 10, 10], notes: 0 },
    { disk: 100 * GB, wanted: { maxUsedSpaceBytes: 500 * GB }, space: [20, 90, 10], notes: 1 },
    { disk: 100 * GB, wanted: { minFreeSpaceBytes: 100 * GB }, space: [20, 50, 50], notes: 1 },
    { disk: 100 * GB, wanted: { reservedSpaceBytes: 95 * GB }, space: [80, 80, 10], notes: 1 },
    { disk: Number.NaN, wanted: {}, space: [2, 8, 1], notes: 1 },
  ])(
    "of a disk of $disk bytes with $wanted is [reserved, most used, free] $space GB",
    ({ disk, wanted, space, notes }) => {
      const found = cacheSpace({ ...none, ...wanted }, disk);
      const { reservedBytes, maxUsedBytes, minFreeBytes } = found.space;
      expect([reservedBytes, maxUsedBytes, minFreeBytes].map((bytes) => bytes / GB)).toEqual(space);
      expect(found.notes).toHaveLength(notes);
    },
  );

  it("says which setting did not fit, and what it became", () => {
    const { notes } = cacheSpace({ ...none, maxUsedSpaceBytes: 500 * GB }, 100 * GB);
    expect(notes).toEqual([
      "max_used_space_bytes 500000000000 does not fit a disk of 100000000000 bytes with the other settings: 90000000000 is used",
    ]);
  });

  it("fits every disk whatever is asked for, and is never the zero that makes BuildKit keep nothing", () => {
    const bytes = fc.oneof(fc.constant(0), fc.double({ min: -1e15, max: 1e19 }), fc.maxSafeNat());
    const disks = fc.oneof(fc.integer({ min: 2, max: 4096 }), fc.double({ min: 1e6, max: 1e16, noNaN: true }));
    fc.assert(
      fc.property(disks, bytes, bytes, bytes, (disk, reservedSpaceBytes, maxUsedSpaceBytes, minFreeSpaceBytes) => {
        const { space } = cacheSpace({ reservedSpaceBytes, maxUsedSpaceBytes, minFreeSpaceBytes }, disk);
        const { reservedBytes, maxUsedBytes, minFreeBytes } = space;
        expect(
          [reservedBytes, maxUsedBytes, minFreeBytes].every((value) => Number.isInteger(value) && value >= 1),
        ).toBe(true);
        expect(reservedBytes).toBeLessThanOrEqual(maxUsedBytes);
        expect(maxUsedBytes + minFreeBytes).toBeLessThanOrEqual(disk);
      }),
      { numRuns: 2_000 },
    );
  });

  it("is what was asked for wherever that fits", () => {
    const disk = 1e12;
    const share = fc.integer({ min: 1, max: 333e9 });
    fc.assert(
      fc.property(share, share, share, (a, b, minFreeSpaceBytes) => {
        const [reservedSpaceBytes, maxUsedSpaceBytes] = [Math.min(a, b), Math.max(a, b)];
        const { space, notes } = cacheSpace({ reservedSpaceBytes, maxUsedSpaceBytes, minFreeSpaceBytes }, disk);
        expect(space).toEqual({
          reservedBytes: reservedSpaceBytes,
          maxUsedBytes: maxUsedSpaceBytes,
          minFreeBytes: minFreeSpaceBytes,
        });
        expect(notes).toEqual([]);
      }),
    );
  });
});
