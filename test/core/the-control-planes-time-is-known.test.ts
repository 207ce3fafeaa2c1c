import { describe, expect, it } from "vitest";
import { clockAsCause, clockSkewMs, type PlaneTime, planeNowMs, timeHeard } from "../../agent/core/plane-time.ts";

const MINUTE_MS = 60_000;
const WALL_MS = Date.parse("2026-11-29T12:00:00Z");
/** Our clock is ten minutes ahead. */
const AT = { wallMs: WALL_MS + 10 * MINUTE_MS, monoMs: 1_000 };
const TIME: PlaneTime = { planeMs: WALL_MS, at: AT };
const after = (monoMs: number, steppedMs = 0) => ({
  wallMs: AT.wallMs + monoMs + steppedMs,
  monoMs: AT.monoMs + monoMs,
});

describe("the control plane's time", () => {
  it.each([
    { what: "goes on with ours", now: after(MINUTE_MS), isMs: MINUTE_MS, aheadMs: 10 * MINUTE_MS },
    {
      what: "is not moved by a clock that is set back",
      now: after(MINUTE_MS, -30 * MINUTE_MS),
      isMs: MINUTE_MS,
      aheadMs: -20 * MINUTE_MS,
    },
    {
      what: "is as late as it can be after a leap, which may have been a sleep",
      now: after(MINUTE_MS, 30 * MINUTE_MS),
      isMs: 31 * MINUTE_MS,
      aheadMs: undefined,
    },
    {
      what: "is not put in doubt by a clock that is slewed",
      now: after(60 * MINUTE_MS, 1_800),
      isMs: 60 * MINUTE_MS + 1_800,
      aheadMs: 10 * MINUTE_MS + 1_800,
    },
  ])("$what", ({ now, isMs, aheadMs }) => {
    expect(planeNowMs(TIME, now)).toBe(WALL_MS + isMs);
    expect(clockSkewMs(TIME, now)).toBe(aheadMs);
  });

  it("is ours as long as it has not said, and then no difference is claimed", () => {
    expect(planeNowMs(undefined, AT)).toBe(AT.wallMs);
    expect(clockSkewMs(undefined, AT)).toBeUndefined();
    expect(clockAsCause(undefined, AT)).toBe("");
  });

  it("is no news while both clocks run as they did", () => {
    const now = after(MINUTE_MS);
    expect(timeHeard(TIME, { planeMs: WALL_MS + MINUTE_MS - 900, at: now })).toBe(TIME);
  });

  it.each([
    { what: "its clock was set", heard: { planeMs: WALL_MS + 2 * MINUTE_MS, at: after(MINUTE_MS) } },
    { what: "ours was set", heard: { planeMs: WALL_MS + MINUTE_MS, at: after(MINUTE_MS, -10 * MINUTE_MS) } },
    { what: "we slept", heard: { planeMs: WALL_MS + 9 * MINUTE_MS, at: after(MINUTE_MS, 8 * MINUTE_MS) } },
  ])("is taken anew where $what", ({ heard }) => {
    expect(timeHeard(TIME, heard)).toBe(heard);
  });

  it("names our clock as the cause of a refusal beyond 5 minutes, with both times, and not within", () => {
    expect(clockAsCause(TIME, AT)).toBe(
      "this machine's clock is likely the cause: it is 10 min ahead of the control plane's: " +
        "2026-11-29T12:10:00Z here was 2026-11-29T12:00:00Z there. Set it right",
    );
    expect(clockAsCause({ planeMs: AT.wallMs + 5 * MINUTE_MS, at: AT }, AT)).toBe("");
    expect(clockAsCause({ planeMs: AT.wallMs + 125 * MINUTE_MS, at: AT }, AT)).toContain("2 h 5 min behind");
  });
});
