import { describe, expect, it } from "vitest";
import { type Backoff, fullJitterMs, reconnectBackoff } from "../../agent/core/backoff.ts";
import { type Arrivals, arrivals, percentile } from "../../bench/fleet/arrivals.ts";
import { chance } from "../agent/world/chance.ts";

const AGENTS = 1_000;

/** When each comes back, in ms after the control plane did, by the pauses alone. */
function returns(outageMs: number, backoff: (viewAgeMs: number) => Backoff): readonly number[] {
  const random = chance(outageMs);
  return Array.from({ length: AGENTS }, () => {
    let awayMs = 0;
    for (let failures = 0; awayMs < outageMs; failures += 1)
      awayMs += 1 + fullJitterMs(backoff(awayMs), failures, random());
    return awayMs - outageMs;
  });
}

function most(times: readonly number[]): { readonly after95Ms: number; readonly spread: Arrivals } {
  const after95Ms = percentile(times, 0.95);
  return { after95Ms, spread: arrivals(times, 0, after95Ms) };
}

const ours = (viewAgeMs: number): Backoff => reconnectBackoff({ viewAgeMs, buildWaits: false });
const doubling = (): Backoff => ({ baseMs: 1_000, capMs: 300_000 });

describe("a thousand agents that lost their control plane together", () => {
  const OUTAGES = [1, 2, 5, 10, 20, 40, 60, 120, 300, 900].map((seconds) => ({ seconds }));
  it.each(OUTAGES)(
    "for $seconds s come back evenly, 95 % of them within one and a half times as long, and a minute",
    ({ seconds }) => {
      const { after95Ms, spread } = most(returns(seconds * 1_000, ours));
      expect(spread.peakToMean).toBeLessThanOrEqual(3);
      expect(after95Ms).toBeLessThanOrEqual(Math.min(1.5 * seconds + 1, 60) * 1_000);
    },
  );

  it("did not while the ceiling doubled up to 5 minutes: that is why it grows by half, up to one", () => {
    const minute = most(returns(60_000, doubling));
    expect(minute.after95Ms).toBeGreaterThan(90_000);
    expect(most(returns(20_000, doubling)).spread.peakToMean).toBeGreaterThan(3);
  });
});
