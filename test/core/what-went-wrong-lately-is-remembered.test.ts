import { describe, expect, it } from "vitest";
import type { CheckResult } from "../../agent/core/health.ts";
import { troubleInWords } from "../../agent/core/trouble-words.ts";
import { isBroken, notedBroken, notedChecks, notedEnd, onceOk, type Trouble } from "../../agent/core/troubles.ts";
import { checkResult } from "./sample.ts";

const MINUTE_MS = 60_000;

/** Notes one turn after the other, as control does. */
function noted(...turns: readonly (readonly CheckResult[])[]): readonly Trouble[] {
  let troubles: readonly Trouble[] = [];
  let before: ReadonlyMap<string, CheckResult> = new Map();
  for (const after of turns) {
    troubles = notedChecks(troubles, before, after);
    before = onceOk(before, after);
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

describe("a process and the check that fails for want of it", () => {
  const end = { what: "buildkitd", how: "killed by SIGKILL", atMs: 10_000 };
  const buildkit = (state: CheckResult["state"], sinceMs: number): CheckResult =>
    checkResult({ name: "buildkit", state, sinceMs, message: "It ended" });
  const turned = (list: readonly Trouble[], state: CheckResult["state"], sinceMs: number): readonly Trouble[] =>
    notedChecks(list, new Map([["buildkit", buildkit("ok", 0)]]), [buildkit(state, sinceMs)]);

  it.each(["first", "last"])(
    "are one trouble, with how it ended and for how long, when the end is told %s",
    (order) => {
      const open =
        order === "first" ? turned(notedEnd([], end), "failed", 10_050) : notedEnd(turned([], "failed", 9_990), end);
      expect(open).toHaveLength(1);
      expect(troubleInWords(open[0]!, 30_000)).toBe("buildkitd ended, still not well, for 20 s: killed by SIGKILL");
      const over = turned(open, "ok", 13_000);
      expect(over).toHaveLength(1);
      expect(troubleInWords(over[0]!, 0)).toBe("buildkitd ended, well again after 3 s: killed by SIGKILL");
    },
  );

  it("are one trouble when it ends again and again, and its check comes and goes", () => {
    let list: readonly Trouble[] = [];
    for (let n = 1; n <= 20; n += 1) {
      list = turned(notedEnd(list, { ...end, atMs: n * 5_000 }), "failed", n * 5_000 + 10);
      list = turned(list, "ok", n * 5_000 + 2_000);
    }
    expect(list.map((one) => troubleInWords(one, 0))).toEqual([
      "buildkitd ended 20 times within 1 min 37 s: killed by SIGKILL",
    ]);
  });

  it("are told both where it had failed for long before it ended", () => {
    const [one, ...more] = notedEnd(turned([], "failed", 10_000), { ...end, atMs: 130_000 });
    expect(more).toEqual([]);
    expect(one?.message).toBe("It ended; then it ended: killed by SIGKILL");
  });

  it("do not hide what the check finds a minute later", () => {
    const list = turned(turned(notedEnd([], end), "failed", 10_050), "ok", 12_000);
    expect(turned(list, "failed", 30_000).map(({ is }) => is)).toEqual(["process-ended", "check-failed"]);
  });

  it("take with them what a fresh process lacks for a moment, and no more", () => {
    const serving = (state: CheckResult["state"], sinceMs: number) =>
      checkResult({ name: "serving-certificate", state, sinceMs, message: "None yet" });
    const after = (lackedMs: number): readonly string[] => {
      let before: ReadonlyMap<string, CheckResult> = new Map();
      let list: readonly Trouble[] = [];
      const look = (check: CheckResult): void => {
        list = notedChecks(list, before, [check]);
        before = onceOk(before, [check]);
      };
      look(serving("ok", 0));
      look(serving("unknown", 9_000));
      list = notedEnd(list, { ...end, what: "gateway" });
      look(serving("failed", 10_000));
      look(serving("ok", 10_000 + lackedMs));
      return list.map(({ what }) => what);
    };
    // Killed again before it had one: nobody knows, and that is the gateway's trouble as well.
    const open = notedChecks(
      notedEnd([], { ...end, what: "gateway" }),
      new Map([["serving-certificate", serving("ok", 0)]]),
      [serving("failed", 10_000)],
    );
    expect(open).toHaveLength(2);
    const unknown = { ...serving("unknown", 10_500), causedBy: "gateway" };
    expect(notedChecks(open, new Map(), [unknown]).map(({ what }) => what)).toEqual(["gateway"]);
    expect(after(1_999)).toEqual(["gateway"]);
    expect(after(2_000)).toEqual(["gateway", "serving-certificate"]);
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
