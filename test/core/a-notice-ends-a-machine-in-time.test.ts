import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Instant } from "../../agent/core/instant.ts";
import { endByNotice, LAST_STEPS_MS } from "../../agent/core/notices/end-by-notice.ts";
import { heardNow } from "../../agent/core/notices/heard.ts";
import { MEANINGS } from "../../agent/core/notices/meanings.ts";
import type { Notice, NoticeKind } from "../../agent/core/notices/notice.ts";
import { noticeInWords } from "../../agent/core/notices/notice-words.ts";

const NOW: Instant = { wallMs: Date.parse("2026-11-29T12:00:00Z"), monoMs: 1_000_000 };
const GRACE_MS = 600_000;
const KINDS = Object.keys(MEANINGS) as NoticeKind[];
const ENDINGS = KINDS.filter((kind) => MEANINGS[kind].ends);

/** In how many ms builds are cut, and steps are hurried, for a notice that comes now. */
function cutIn(notice: Notice, graceMs = GRACE_MS): readonly (number | undefined)[] | undefined {
  const order = heardNow([], [notice], NOW).map((heard) => endByNotice(heard, graceMs, NOW))[0];
  if (order === undefined) return undefined;
  const { deadlineMonoMs, hurryFromMonoMs } = order;
  return [deadlineMonoMs - NOW.monoMs, hurryFromMonoMs && hurryFromMonoMs - NOW.monoMs];
}

describe("a notice that ends the machine", () => {
  it.each<readonly [string, Notice, number, readonly (number | undefined)[] | undefined]>([
    ["spot, two minutes", { kind: "aws-spot-terminate", leftMs: 120_000 }, GRACE_MS, [110_000, 110_000]],
    [
      "spot, and the machine's own grace is shorter",
      { kind: "aws-spot-stop", leftMs: 120_000 },
      30_000,
      [30_000, 110_000],
    ],
    [
      "spot with a time that no spot notice has",
      { kind: "aws-spot-terminate", leftMs: 1e15 },
      GRACE_MS,
      [110_000, 110_000],
    ],
    ["hibernation, which waits for nobody", { kind: "aws-spot-hibernate", leftMs: 60_000 }, GRACE_MS, [0, 0]],
    ["of a group, without a time", { kind: "aws-target-terminated" }, GRACE_MS, [GRACE_MS, undefined]],
    ["preempted, thirty seconds", { kind: "gcp-preempted" }, GRACE_MS, [20_000, 20_000]],
    ["stopped for maintenance", { kind: "gcp-host-maintenance" }, GRACE_MS, [50_000, 50_000]],
    ["Azure's preemption", { kind: "azure-preempt", leftMs: 29_500 }, GRACE_MS, [19_500, 19_500]],
    ["one that has begun", { kind: "azure-reboot", leftMs: 0 }, GRACE_MS, [0, 0]],
    ["shorter than the last steps", { kind: "azure-preempt", leftMs: 4_000 }, GRACE_MS, [0, 0]],
    ["a quarter of an hour", { kind: "azure-reboot", leftMs: 900_000 }, GRACE_MS, [GRACE_MS, 890_000]],
    ["days away", { kind: "azure-redeploy", leftMs: 7 * 86_400_000 }, GRACE_MS, undefined],
  ])("%s", (_, notice, graceMs, expected) => expect(cutIn(notice, graceMs)).toEqual(expected));

  it("never cuts later than its time less the last steps, nor later than the machine's own grace", () => {
    const notices = fc.record({ kind: fc.constantFrom(...ENDINGS), leftMs: fc.nat(900_000) });
    fc.assert(
      fc.property(notices, fc.nat(86_400_000), (notice, graceMs) => {
        const [cutMs = Number.NaN] = cutIn(notice, graceMs) ?? [];
        expect(cutMs).toBeGreaterThanOrEqual(0);
        expect(cutMs).toBeLessThanOrEqual(graceMs);
        expect(cutMs).toBeLessThanOrEqual(Math.max(0, notice.leftMs - LAST_STEPS_MS));
      }),
    );
  });

  it("that is days away is an order once it is near", () => {
    const [heard] = heardNow([], [{ kind: "azure-redeploy", leftMs: 86_400_000, atMs: 1 }], NOW);
    const near = { wallMs: NOW.wallMs + 86_000_000, monoMs: NOW.monoMs + 86_000_000 };
    expect(heard && endByNotice(heard, GRACE_MS, near)?.deadlineMonoMs).toBe(near.monoMs + 390_000);
  });
});

it.each(KINDS.filter((kind) => !MEANINGS[kind].ends))("%s is told, and orders nothing", (kind) => {
  for (const leftMs of [0, 30_000, 86_400_000]) expect(cutIn({ kind, leftMs })).toBeUndefined();
  expect(cutIn({ kind })).toBeUndefined();
});

describe("a notice that comes again with each look", () => {
  const SPOT: Notice = { kind: "aws-spot-terminate", atMs: 7, leftMs: 100_000 };
  const later = { wallMs: NOW.wallMs + 5_000, monoMs: NOW.monoMs + 5_000 };

  it("is the one that was heard first, with its first deadline", () => {
    const first = heardNow([], [SPOT], NOW);
    expect(heardNow(first, [{ ...SPOT, leftMs: 96_000 }], later)[0]).toBe(first[0]);
  });

  it("is news with another time, and where it begins before its time", () => {
    const first = heardNow([], [SPOT], NOW);
    expect(heardNow(first, [{ ...SPOT, atMs: 8, leftMs: 50_000 }], later)[0]?.dueAt?.monoMs).toBe(
      later.monoMs + 50_000,
    );
    const reboot = heardNow([], [{ kind: "azure-reboot", id: "a", atMs: 9, leftMs: 900_000 }], NOW);
    const begun = heardNow(reboot, [{ kind: "azure-reboot", id: "a", leftMs: 0 }], later);
    expect(begun[0]).toMatchObject({ heardAt: NOW, dueAt: later });
    expect(heardNow(begun, [{ kind: "azure-reboot", id: "a", leftMs: 0 }], later)[0]).toBe(begun[0]);
  });

  it("counts to fifty of one service", () => {
    const flood = Array.from({ length: 5_000 }, (_, id): Notice => ({ kind: "azure-other", id: String(id) }));
    expect(heardNow([], flood, NOW)).toHaveLength(50);
  });
});

it("says in one line what is done and when, whatever the platform's own words are", () => {
  const words = `first\nsecond \u001b[31m${"x".repeat(5_000)}`;
  const [heard] = heardNow([], [{ kind: "azure-reboot", leftMs: 60_000, words }], NOW);
  const text = heard === undefined ? "" : noticeInWords(heard);
  expect(text).toMatch(/^Azure restarts this machine from 2026-11-29T12:01:00Z \(first second \[31mx+…\)$/);
  expect(text.length).toBeLessThan(220);
});
