import { expect, it } from "vitest";
import { benchFlood } from "../../bench/flood/flood-bench.ts";

/** The bar is a second on a machine that is left alone; here others use it as well. */
const WORST_P99_MICROS = 5_000_000;
/** Sockets of the last strangers may still be about to close. */
const MORE_DESCRIPTORS = 5;

it("strangers of every kind come by the hundred a second: no session is broken or kept out, and nothing is left", async ({
  signal,
}) => {
  const { flood, before, after } = await benchFlood({ rate: 300, count: 600, stayMs: 500 }, signal);
  expect(flood).toMatchObject({ strangers: 600, failedVisits: 0, broken: 0 });
  expect(flood.visits).toBeGreaterThan(0);
  expect(flood.visitP99Micros).toBeLessThan(WORST_P99_MICROS);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + MORE_DESCRIPTORS);
}, 120_000);
