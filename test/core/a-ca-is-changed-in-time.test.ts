import { describe, expect, it } from "vitest";
import { newBoard } from "../../agent/control/board/board.ts";
import { readBundles } from "../../agent/control/read-bundles.ts";
import type { CaDates } from "../../agent/core/ca-bundles.ts";
import { caBundles } from "../../agent/core/checks/ca-bundles.ts";
import { examined } from "../../agent/core/checks/examine.ts";
import { settle } from "../control/manual-clock.ts";
import { desiredState, FIXED, NOW, WELL } from "./sample.ts";

const DAY_MS = 86_400_000;
const ca = (subject: string, daysLeft: number, lifeDays = 365): CaDates => ({
  subject,
  notBeforeMs: NOW.wallMs + (daysLeft - lifeDays) * DAY_MS,
  notAfterMs: NOW.wallMs + daysLeft * DAY_MS,
});
const PLANE = ca("CN=plane", 400, 800);

describe("the CAs that a machine believes", () => {
  const look = (builds: readonly CaDates[], controlPlane: readonly CaDates[] = [PLANE]) =>
    examined({ ...WELL, bundles: { controlPlane, builds } }, NOW, FIXED, [caBundles])[0];

  it.each([
    { builds: [ca("CN=a", 15)], state: "ok", blocking: false },
    { builds: [ca("CN=a", 13)], state: "failed", blocking: false },
    // One follows the other: the old one may end.
    { builds: [ca("CN=a", -3), ca("CN=b", 200)], state: "ok", blocking: false },
    { builds: [ca("CN=a", -3), ca("CN=b", -1)], state: "failed", blocking: true },
    // One that lives for five days is no reason to warn from its first day on.
    { builds: [ca("CN=a", 2, 5)], state: "ok", blocking: false },
    { builds: [ca("CN=a", 0.9, 5)], state: "failed", blocking: false },
  ])("are $state (blocking: $blocking) with $builds.0.subject, and so on", ({ builds, state, blocking }) => {
    expect(look(builds)).toMatchObject({ state, blocking });
  });

  it("are told by name and end, those of the control plane as well, whose end blocks by what follows from it", () => {
    expect(look([ca("CN=a", 200)], [ca("CN=old plane", -1)])).toMatchObject({
      state: "failed",
      blocking: false,
      message: "The last CA of the control plane's certificate ended at 2026-11-20T12:00:00Z",
      remedy: expect.stringContaining("controlPlane.caFile") as unknown,
      evidence: ["control plane: CN=old plane until 2026-11-20T12:00:00Z", "builds: CN=a until 2027-06-09T12:00:00Z"],
    });
  });

  it("are not judged before the control plane has sent those of builds", () => {
    const bundles = { controlPlane: [PLANE] };
    expect(examined({ ...WELL, bundles }, NOW, FIXED, [caBundles])[0]?.state).toBe("unknown");
  });

  it("warn at the moment when it is time, though nothing happens", () => {
    const bundles = { controlPlane: [PLANE], builds: [ca("CN=a", 20)] };
    expect(caBundles.changesInMs?.({ ...WELL, bundles }, NOW)).toBe(6 * DAY_MS);
  });

  it("are read anew when the control plane sends others, and not with each of its words", async () => {
    const board = newBoard();
    const read: string[] = [];
    const stop = new AbortController();
    const reads = (pem: string): readonly CaDates[] => {
      read.push(pem);
      return [ca(pem, 100)];
    };
    const reading = readBundles({ cas: { pinned: [PLANE], read: reads } }, board, stop.signal);
    await settle();
    expect(board.bundles.get()).toEqual({ controlPlane: [PLANE] });
    const trust = { trustDomain: "builds.example", buildCas: ["one"] };
    board.desired.set(desiredState({ trust }));
    await settle();
    board.desired.set(desiredState({ trust: { ...trust, buildCas: ["one"] }, revision: 8n }));
    await settle();
    board.desired.set(desiredState({ trust: { ...trust, buildCas: ["one", "two"] }, revision: 9n }));
    await settle();
    expect(read).toEqual(["one", "one", "two"]);
    expect(board.bundles.get()?.builds?.map(({ subject }) => subject)).toEqual(["one", "two"]);
    stop.abort();
    await reading;
  });
});
