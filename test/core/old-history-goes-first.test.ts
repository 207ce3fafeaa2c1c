import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  type BuildRecord,
  buildkitsHistoryAgeMs,
  historyRoundMs,
  recordsToDelete,
} from "../../agent/core/build-history.ts";

const NOW_MS = 1_000_000_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Ended so long ago. */
function ended(ref: string, agoMs: number, isPinned = false): BuildRecord {
  return { ref, endedAtMs: NOW_MS - agoMs, isPinned };
}

it.each<{
  what: string;
  records: readonly BuildRecord[];
  spare?: number;
  minAgeMs?: number;
  pinnedToo?: true;
  go: readonly string[];
}>([
  { what: "the oldest first", records: [ended("b", 2), ended("c", 1), ended("a", 3)], go: ["a", "b", "c"] },
  { what: "no pinned ones", records: [ended("a", 3, true), ended("b", 2)], go: ["b"] },
  {
    what: "pinned ones where they shall go, too",
    records: [ended("a", 3, true), ended("b", 2), { ref: "c", isPinned: true }],
    pinnedToo: true,
    go: ["a", "b"],
  },
  { what: "those of running builds never", records: [{ ref: "a", isPinned: false }, ended("b", 2)], go: ["b"] },
  {
    what: "those of a ref that is built again never",
    records: [{ ref: "a", isPinned: false }, ended("a", 5)],
    go: [],
  },
  { what: "not the youngest", records: [ended("a", 3), ended("b", 2), ended("c", 1)], spare: 2, go: ["a"] },
  { what: "none, where there are no more than are spared", records: [ended("a", 3)], spare: 50, go: [] },
  { what: "only those of an age", records: [ended("a", 60), ended("b", 59)], minAgeMs: 60, go: ["a"] },
  { what: "those of a clock that was set back", records: [ended("a", -60), ended("b", -59)], minAgeMs: 60, go: ["a"] },
])("of a history go: $what", ({ records, spare = 0, minAgeMs = 0, pinnedToo = false, go }) => {
  expect(recordsToDelete(records, { spareYoungest: spare, minAgeMs, pinnedToo }, NOW_MS)).toEqual(go);
});

it.each([
  { maxAgeMs: MINUTE_MS, roundMs: MINUTE_MS, buildkitsMs: 4 * MINUTE_MS },
  { maxAgeMs: DAY_MS, roundMs: 60 * MINUTE_MS, buildkitsMs: DAY_MS + 180 * MINUTE_MS },
  { maxAgeMs: 366 * DAY_MS, roundMs: 60 * MINUTE_MS, buildkitsMs: 366 * DAY_MS + 180 * MINUTE_MS },
])("an age of $maxAgeMs is looked after every $roundMs, and by BuildKit from $buildkitsMs on", (row) => {
  expect(historyRoundMs(row.maxAgeMs)).toBe(row.roundMs);
  expect(buildkitsHistoryAgeMs(row.maxAgeMs)).toBe(row.buildkitsMs);
});

it("what is spared is never older than what goes", () => {
  const record = fc.record({ ref: fc.uuid(), endedAtMs: fc.nat(NOW_MS), isPinned: fc.boolean() });
  fc.assert(
    fc.property(fc.array(record), fc.nat(20), (records, spareYoungest) => {
      const go = new Set(recordsToDelete(records, { spareYoungest, minAgeMs: 0, pinnedToo: false }, NOW_MS));
      const stays = records.filter(({ ref, isPinned }) => !isPinned && !go.has(ref));
      expect(stays.length).toBe(Math.min(spareYoungest, records.filter(({ isPinned }) => !isPinned).length));
      const oldestThatStays = Math.min(...stays.map(({ endedAtMs }) => endedAtMs));
      const gone = records.filter(({ ref }) => go.has(ref));
      expect(gone.filter(({ endedAtMs }) => endedAtMs > oldestThatStays)).toEqual([]);
    }),
  );
});
