import { describe, expect, it } from "vitest";
import { examined } from "../../agent/core/checks/examine.ts";
import { recordings } from "../../agent/core/checks/recordings.ts";
import type { RecordingsView, WaitingRecording } from "../../agent/core/recordings.ts";
import { FIXED, NOW, WELL } from "./sample.ts";

type Kept = Extract<RecordingsView, { at: "kept" }>;

const DIR = "/var/lib/builder-agent/recordings";
const waits = (over: Partial<WaitingRecording> = {}): WaitingRecording => ({
  recordingId: "rec-g1",
  waitingBytes: 2_048,
  sinceMs: NOW.wallMs - 16_000,
  lastFailure: "UNAVAILABLE: the store is full",
  ...over,
});
const kept = (over: Partial<Kept> = {}): Kept => ({
  ...{ at: "kept", waiting: [], directory: DIR, problem: "", left: [], moreLeft: 0 },
  ...over,
});
const look = (view: RecordingsView, over: Partial<typeof WELL> = {}) =>
  examined({ ...WELL, ...over, recordings: view }, NOW, FIXED, [recordings])[0];

describe("recordings", () => {
  it("that wait are told with how many, how much, since when and why, within 10 s", () => {
    expect(
      look(kept({ waiting: [waits(), waits({ recordingId: "rec-g2", sinceMs: NOW.wallMs - 1_000 })] })),
    ).toMatchObject({
      state: "failed",
      blocking: false,
      message: "1 cannot be stored since 2026-11-21T11:59:44Z: UNAVAILABLE: the store is full",
      evidence: [
        `folder ${DIR}: can be written`,
        "2, 4.0 KiB in all, wait to be stored",
        "rec-g1: 2.0 KiB since 2026-11-21T11:59:44Z: UNAVAILABLE: the store is full",
        "rec-g2: 2.0 KiB since 2026-11-21T11:59:59Z: UNAVAILABLE: the store is full",
      ],
    });
    const young = { ...WELL, recordings: kept({ waiting: [waits({ sinceMs: NOW.wallMs - 5_000 })] }) };
    expect(recordings.changesInMs?.(young, NOW)).toBe(2_000);
  });

  it("on their way are no trouble, nor those that wait for a control plane that is away: that is told by its own check", () => {
    expect(look(kept({ waiting: [waits({ lastFailure: "", sinceMs: NOW.wallMs - 6_000 })] }))).toMatchObject({
      state: "ok",
    });
    expect(look(kept({ waiting: [waits({ waitingBytes: 0 })] }))).toMatchObject({ state: "ok" });
    const plane = { ...WELL.plane, attached: false };
    expect(look(kept({ waiting: [waits()] }), { plane })).toMatchObject({ state: "ok" });
  });

  it("that the control plane takes without a word are told as such", () => {
    expect(look(kept({ waiting: [waits({ lastFailure: "" })] }))?.message).toContain("takes it and says nothing");
  });

  it("that were refused are told until an operator has dealt with them, by file, size and time", () => {
    const left = [
      { file: "rec-g1.cast.refused", sizeBytes: 4_096, writtenMs: NOW.wallMs - 86_400_000, isRefused: true },
    ];
    expect(look(kept({ left, moreLeft: 2 }))).toMatchObject({
      state: "failed",
      blocking: false,
      message: `The control plane refused 3; they are on this machine alone, in ${DIR}`,
      remedy: expect.stringContaining("remove the *.cast.refused") as unknown,
      evidence: expect.arrayContaining([
        "rec-g1.cast.refused: 4.0 KiB, last written at 2026-11-20T12:00:00Z",
        "and 2 more",
      ]) as unknown,
    });
    expect(look(kept())).toMatchObject({ state: "ok", message: "None waits" });
  });

  it("that cannot be taken up, and a folder that takes none, are told apart", () => {
    const left = [{ file: "rec-g1.cast", sizeBytes: 1, writtenMs: 0, isRefused: false }];
    expect(look(kept({ left }))?.message).toContain("cannot be taken up");
    expect(look(kept({ problem: "EROFS: read-only file system" }))).toMatchObject({
      state: "failed",
      message: expect.stringContaining("no debug terminal can begin: EROFS") as unknown,
      remedy: expect.stringContaining(DIR) as unknown,
    });
  });

  it("on a disk that takes no records either are no cause of their own", () => {
    const records = { waiting: 1, dropped: 0, notStored: "ENOSPC" };
    expect(look(kept({ problem: "0 B free" }), { records })).toMatchObject({ state: "failed", causedBy: "records" });
    expect(look(kept({ problem: "0 B free" }))).not.toHaveProperty("causedBy");
  });

  it("of a folder that was well a moment ago are told of it within seconds", () => {
    const view = kept({ problem: "0 B free", problemFromMs: NOW.wallMs + 3_000 });
    expect(look(view)).toMatchObject({ state: "ok" });
    expect(recordings.changesInMs?.({ ...WELL, recordings: view }, NOW)).toBe(3_000);
    expect(look(kept({ problem: "0 B free", problemFromMs: NOW.wallMs }))).toMatchObject({ state: "failed" });
  });

  it("of a machine that gives no terminals are none", () => {
    expect(look({ at: "none" })).toMatchObject({ state: "ok" });
  });
});
