import { expect, it } from "vitest";
import type { Fact } from "./facts.ts";
import type { Happening } from "./schedule.ts";
import { simulateDay } from "./simulate-day.ts";

const MINUTE_MS = 60_000;
const build = (lifeMs: number, ends = "ended"): Omit<Happening, "afterMs"> => ({
  is: "build",
  with: { sessions: 3, sessionMs: lifeMs / 2, lifeMs, ends },
});

/**
 * The control process as composed, over two days that were chosen by hand. `npm run simulate` looks
 * for the days that nobody would choose.
 */
it.each<{ of: string; isEncrypted: boolean; ended: string; happenings: readonly Happening[] }>([
  {
    of: "on which nothing happens but builds, longer than certificates live, and that ends with a drain",
    isEncrypted: true,
    ended: "drained",
    happenings: [
      { afterMs: 30_000, ...build(10 * MINUTE_MS) },
      { afterMs: 5 * MINUTE_MS, ...build(2 * MINUTE_MS, "revoked") },
      { afterMs: MINUTE_MS, ...build(MINUTE_MS, "expires") },
      { afterMs: 70 * MINUTE_MS, ...build(5 * MINUTE_MS) },
      { afterMs: MINUTE_MS, is: "drain", with: { graceMs: 2 * MINUTE_MS, later: null } },
    ],
  },
  {
    of: "on which everything is lost once, and that ends with SIGTERM under a build",
    isEncrypted: false,
    ended: "stopped",
    happenings: [
      { afterMs: 0, is: "disk-slow", with: { syncMs: 2_000, forMs: 20 * MINUTE_MS } },
      { afterMs: 20_000, ...build(15 * MINUTE_MS) },
      { afterMs: 60_000, is: "link-lost", with: { forMs: MINUTE_MS } },
      { afterMs: 10_000, is: "settings", with: { maxParallelism: 7 } },
      { afterMs: 60_000, is: "plane-down", with: { forMs: 6 * MINUTE_MS } },
      { afterMs: 10_000, is: "records-lost", with: { batches: 1, acks: 1 } },
      { afterMs: 60_000, is: "gateway-restarts", with: { downMs: 5_000 } },
      { afterMs: 60_000, is: "control-killed", with: { downMs: 3_000, stopAfterMs: null } },
      { afterMs: 7 * MINUTE_MS, is: "tailnet", with: { isWanted: true, isRequired: true, collides: true } },
      { afterMs: MINUTE_MS, is: "buildkit-dies", with: { startsToFail: 2, startMs: 1_000 } },
      { afterMs: MINUTE_MS, is: "buildkit-hangs", with: { forMs: 5 * MINUTE_MS, stopMs: 1_000 } },
      { afterMs: MINUTE_MS, is: "cache-fills", with: { leftMib: 100, isStuck: false } },
      { afterMs: 20 * MINUTE_MS, ...build(5 * MINUTE_MS) },
      { afterMs: MINUTE_MS, is: "sigterm", with: { again: null } },
    ],
  },
])("a day $of", { timeout: 120_000 }, async ({ isEncrypted, ended, happenings }) => {
  const endings: string[] = [];
  let renewed = 0;
  const onFact = (fact: Fact): void => {
    if (fact.is === "control-ended") endings.push(fact.ending.ended);
    if (fact.is === "renewed") renewed += 1;
  };
  const { breaches, happened } = await simulateDay({ seed: 1, isEncrypted, happenings }, { onFact });
  expect(breaches).toEqual([]);
  expect(happened).toBe(happenings.length);
  expect(endings).toEqual([ended]);
  expect(renewed).toBeGreaterThan(0);
});
