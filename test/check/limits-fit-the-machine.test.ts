import { expect, it } from "vitest";
import { slowness, slownessOf } from "../../tools/check/slowness.mjs";

it.each([
  { roundsMs: [210, 205, 900], times: 1, because: "one bad round is chance" },
  { roundsMs: [100, 110, 105], times: 1, because: "a quicker machine gets no less" },
  { roundsMs: [420, 400, 430], times: 2, because: "it takes twice as long" },
  { roundsMs: [9_000, 9_000, 9_000], times: 6, because: "a limit stays a limit" },
])("$times times, for $because", ({ roundsMs, times }) => {
  expect(slownessOf(roundsMs)).toBe(times);
});

it("is measured once", async () => {
  const first = slowness();
  expect(slowness()).toBe(first);
  expect(await first).toBeGreaterThanOrEqual(1);
});
