import { describe, expect, it } from "vitest";
import type { CheckResult } from "../../agent/core/health.ts";
import { troubleInWords } from "../../agent/core/trouble-words.ts";
import { isBroken, lastKnown, notedBroken, notedChecks, notedEnd, type Trouble } from "../../agent/core/troubles.ts";
import { checkResult } from "./sample.ts";

const MINUTE_MS = 60_000;

/** Notes one turn after the other, as control does. */
function noted(...turns: readonly (readonly CheckResult[])[]): readonly Trouble[] {
  let troubles: readonly Trouble[] = [];
  let before: ReadonlyMap<string, CheckResult> = new Map();
  for (const after of turns) {
    troubles = notedChecks(troubles, before, after);
    before = lastKnown(before, after);
  }
  return troubles;
}

const disk = (state: CheckResult["state"], sinceMs: number, over: Partial<CheckResult> = {}): CheckResult =>
  checkResult({ name: "disk", state, sinceMs, message: state === "ok" ? "Free" : "Full", ...over });

describe("a check", () => {
  it("that failed and is ok again is remembered with its time", () => {
    expect(noted([disk("ok", 0)], [disk("failed", 10)], [disk("ok", 3 * MINUTE_MS)])).toEqual([
      {
        is: "check-failed",
        what: "disk",
        message: "Full",
        sinceMs: 10,
        untilMs: 3 * MINUTE_MS,
        times: 1,
        builds: [],
        moreBuilds: 0,
      },
    ]);
  });

  it.each([
    { what: "is only not there yet", turns: [[disk("failed", 0)], [disk("ok", 5)]] },
    { what: "nobody could look at", turns: [[disk("ok", 0)], [disk("unknown", 5)]] },
    { what: "another one explains", turns: [[disk("ok", 0)], [disk("failed", 5, { causedBy: "gateway" })]] },
  ])("that $what is no trouble", ({ turns }) => expect(noted(...turns)).toEqual([]));

  it("that comes and goes is one trouble, and one that fails an hour later another", () => {
    const flaps = [...Array(20).keys()].flatMap((n) => [
      [disk("failed", n * 20_000 + 1)],
      [disk("ok", n * 20_000 + 10_000)],
    ]);
    const troubles = noted([disk("ok", 0)], ...flaps, [disk("failed", 60 * MINUTE_MS)]);
    expect(troubles.map(({ times, sinceMs, untilMs }) => [times, sinceMs, untilMs])).toEqual([
      [20, 1, 390_000],
      [1, 60 * MINUTE_MS, undefined],
    ]);
    expect(troubleInWords(troubles[0]!, 0)).toBe("disk failed 20 times within 6 min 29 s: Full");
    expect(troubleInWords(troubles[1]!, 61 * MINUTE_MS)).toBe("disk failed, still, for 1 min: Full");
  });

  it("that failed before a restart and is found ok after it has its end", () => {
    const kept = noted([disk("ok", 0)], [disk("failed", 10)]);
    expect(notedChecks(kept, new Map(), [disk("unknown", 90)])).toEqual(kept);
    expect(notedChecks(kept, new Map(), [disk("ok", 100)])).toMatchObject([{ sinceMs: 10, untilMs: 100 }]);
  });
});

describe("a process that ended", () => {
  const end = { what: "buildkitd", how: "killed by SIGKILL", atMs: 1_000 };

  it.each(["first", "last"])("is told with the builds that it broke, when their ends are told %s", (order) => {
    const cut = (list: readonly Trouble[]) =>
      notedBroken(notedBroken(list, "buildkitd", "b-1", 900), "buildkitd", "b-2", 1_100);
    const troubles = order === "first" ? notedEnd(cut([]), end) : cut(notedEnd([], end));
    expect(troubles).toHaveLength(1);
    expect(troubleInWords(troubles[0]!, 0)).toBe("buildkitd ended: killed by SIGKILL; broken: b-1, b-2");
  });

  it("is another trouble than an end an hour later, or of another process", () => {
    const again = notedEnd(notedEnd([], end), { ...end, atMs: 3_600_000 });
    expect(notedBroken(again, "buildkitd", "b-1", 3_600_500).map(({ builds }) => builds)).toEqual([[], ["b-1"]]);
    expect(notedEnd(again, { ...end, what: "gateway" })).toHaveLength(3);
  });

  it("is not told anew when a gateway tells the same session's end again", () => {
    const once = notedBroken([], "buildkitd", "b-1", 900);
    expect(notedBroken(once, "buildkitd", "b-1", 900)).toBe(once);
  });
});

it("keeps the last ten troubles, with ten builds each and a count, however much goes wrong", () => {
  let troubles: readonly Trouble[] = [];
  for (let n = 0; n < 500; n += 1)
    troubles = notedEnd(troubles, { what: "buildkitd", how: "x".repeat(9_999), atMs: n * MINUTE_MS });
  for (let n = 0; n < 500; n += 1) troubles = notedBroken(troubles, "buildkitd", `b-${n}`, 499 * MINUTE_MS);
  expect(troubles).toHaveLength(10);
  expect(troubles.at(-1)).toMatchObject({ moreBuilds: 490 });
  expect(JSON.stringify(troubles).length).toBeLessThan(16_384);
});

it("counts as broken what nobody ordered, and no ending that was", () => {
  const endings = ["buildkit-closed", "buildkit-error", "gateway-lost", "client-closed", "drain-deadline"] as const;
  expect(endings.filter(isBroken)).toEqual(["buildkit-closed", "buildkit-error", "gateway-lost"]);
});
