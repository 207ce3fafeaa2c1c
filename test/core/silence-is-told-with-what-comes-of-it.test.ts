import { describe, expect, it } from "vitest";
import { examined, nextChangeMs } from "../../agent/core/checks/examine.ts";
import { contactInWords } from "../../agent/core/contact-words.ts";
import { contactOf } from "../../agent/core/head.ts";
import { later } from "../../agent/core/instant.ts";
import type { Known } from "../../agent/core/known.ts";
import { withTimes } from "../../agent/core/time-words.ts";
import { FIXED, NOW, WELL } from "./sample.ts";

const AWAY: Known["plane"] = {
  attached: false,
  heardAt: NOW,
  confirmedAt: NOW,
  isSilent: true,
  lastFailure: "The control plane did not answer Attach: the connection was refused",
  messagesRefused: 0,
};

function found(name: string, plane: Known["plane"], afterMs: number) {
  const certificates = { ...WELL.certificates, machineNotAfterMs: NOW.wallMs + 3_600_000 };
  return examined({ ...WELL, certificates, plane }, later(NOW, afterMs), FIXED).find(
    (finding) => finding.name === name,
  );
}

describe("a control plane that is silent", () => {
  it("is named, with since when, what goes on, and from when builds are refused", () => {
    const { message = "" } = found("control-plane", AWAY, 97_000) ?? {};
    expect(message).toBe(
      "Nothing heard from cp.example:443 since 2026-11-21T12:00:00Z. Open builds go on; new ones are refused from 2026-11-21T12:05:00Z. The control plane did not answer Attach: the connection was refused",
    );
    expect(withTimes(message, NOW.wallMs + 97_000)).toContain(
      "Nothing heard from cp.example:443 for 1 min 37 s (since 12:00:00 UTC). Open builds go on; new ones are refused from 12:05:00 UTC (in 3 min 23 s).",
    );
  });

  it("is told in the same words at each look, until builds are refused", () => {
    for (const name of ["control-plane", "control-plane-view"]) {
      const early = found(name, AWAY, 97_000);
      expect(found(name, AWAY, 102_345)).toEqual(early);
      const late = found(name, AWAY, 300_001);
      expect(late?.state).toBe("failed");
      expect(late?.message).toContain("Open builds go on; new ones are refused since 2026-11-21T12:05:00Z");
      expect(found(name, AWAY, 900_000)).toEqual(late);
    }
    const due = nextChangeMs({ ...WELL, plane: AWAY }, later(NOW, 97_000));
    expect(due).toBeLessThanOrEqual(203_001);
  });

  it("is noticed while the stream is still open, once it is late with its word", () => {
    const plane = { ...WELL.plane, heardAt: NOW };
    expect(found("control-plane", plane, 45_000)).toMatchObject({ state: "ok", message: "Attached to cp.example:443" });
    const late = found("control-plane", plane, 45_001);
    expect(late).toMatchObject({ state: "failed", blocking: false });
    expect(late?.message).toContain("nothing heard from cp.example:443 since 2026-11-21T12:00:00Z");
    expect(nextChangeMs({ ...WELL, plane }, later(NOW, 40_000))).toBeLessThanOrEqual(5_001);
  });

  it.each([
    [10_000, 15_000],
    [20_000, 30_000],
    [1_000, 15_000],
  ])("that says it speaks every %i ms is told of after %i ms", (heartbeatMs, quietMs) => {
    const plane = { ...WELL.plane, heardAt: NOW, heartbeatMs };
    expect(found("control-plane", plane, quietMs)).toMatchObject({ state: "ok" });
    expect(found("control-plane", plane, quietMs + 1)).toMatchObject({
      state: "failed",
      message: expect.stringContaining(`it has to speak every ${heartbeatMs / 1_000} s`) as string,
    });
    expect(nextChangeMs({ ...WELL, plane }, NOW)).toBeLessThanOrEqual(quietMs + 1);
  });

  it("blocks once nothing new is let in for it, and explains that its view is old", () => {
    expect(found("control-plane", AWAY, 300_000)).toMatchObject({ blocking: false });
    expect(found("control-plane", AWAY, 300_001)).toMatchObject({ blocking: true });
    expect(found("control-plane-view", AWAY, 300_001)).toMatchObject({ causedBy: "control-plane" });
    expect(
      found("control-plane", { ...WELL.plane, confirmedAt: NOW, heardAt: later(NOW, 300_001) }, 300_001),
    ).toMatchObject({
      state: "ok",
    });
  });

  it("explains that nobody knows whether the clock is right, and not that it is wrong", () => {
    const { confirmedAt: _, ...never } = AWAY;
    expect(found("clock", never, 0)).toMatchObject({ state: "unknown", causedBy: "control-plane" });
    const wrong = { ...never, time: { planeMs: NOW.wallMs - 3_600_000, at: NOW } };
    const clock = found("clock", wrong, 0);
    expect(clock).toMatchObject({ state: "failed" });
    expect(clock).not.toHaveProperty("causedBy");
  });

  it("that was never heard is not told as lost", () => {
    const plane = { ...AWAY, heardAt: undefined, confirmedAt: undefined };
    const { message } = found("control-plane", plane as never, 0) ?? {};
    expect(message).toMatch(/^Nothing heard from cp\.example:443 yet: /);
  });

  it("that answers and refuses is not told as silent", () => {
    const plane = { ...AWAY, isSilent: false, lastFailure: "The control plane answered Attach with INTERNAL: bug" };
    expect(found("control-plane", plane, 0)?.message).toMatch(
      /^Not attached to cp\.example:443\. .* with INTERNAL: bug$/,
    );
  });
});

it("tells the exact age of the last word, when the next try is, and from when builds are refused", () => {
  const plane = { ...AWAY, nextTryAt: later(NOW, 137_000) };
  const now = later(NOW, 97_000);
  const contact = contactOf(plane, now);
  expect(contact).toMatchObject({ lastHeardAtMs: NOW.wallMs, admitsUntilMs: NOW.wallMs + 300_000 });
  expect(contactInWords(contact, now.wallMs)).toBe(
    "not attached, last word 1 min 37 s ago, next try in 40 s, new builds refused from 12:05:00 UTC",
  );
  expect(contactInWords(contact, now.wallMs + 41_000)).toContain("trying now");
  // A wall clock that was set back makes nothing younger.
  const setBack = { wallMs: NOW.wallMs - 3_600_000, monoMs: now.monoMs };
  expect(contactInWords(contactOf(plane, setBack), setBack.wallMs)).toContain("last word 1 min 37 s ago");
});

describe("a message with moments", () => {
  const nowMs = Date.parse("2026-11-21T12:00:00Z");
  it.each([
    ["Valid until 2026-11-21T12:59:00Z", "Valid until 12:59:00 UTC (in 59 min)"],
    ["Expired at 2026-11-20T11:00:00.123Z: late", "Expired at 2026-11-20 11:00:00 UTC (1 d ago): late"],
    ["silent since 2026-11-21T11:58:00Z.", "silent for 2 min (since 11:58:00 UTC)."],
    ["since 2026-11-21T13:00:00Z", "since 13:00:00 UTC (in 1 h)"],
    ["2026-11-21T13:00:00Z alone", "13:00:00 UTC (in 1 h) alone"],
    ["no moment, 2026-11-21", "no moment, 2026-11-21"],
  ])("%s → %s", (message, shown) => expect(withTimes(message, nowMs)).toBe(shown));
});
