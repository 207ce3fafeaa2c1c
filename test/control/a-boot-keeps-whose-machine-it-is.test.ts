import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { assignmentFile } from "../../agent/adapters/assignment/assignment-file.ts";
import { newBoard } from "../../agent/control/board/board.ts";
import { keepAssignment } from "../../agent/control/keep-assignment.ts";
import { follows } from "../../agent/core/desired-state.ts";
import type { AssignmentStore } from "../../agent/ports/assignment-store.ts";
import { desiredState } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { loopBook, notebook } from "./stand-ins.ts";

const KEY = new Uint8Array([1, 2, 250]);
const OURS = { orgId: "acme", projectId: "app", architecture: "amd64", debugGrantKey: KEY };
const WISH = desiredState({ assignment: OURS });

describe("what a boot heard first of whose machine it is", () => {
  let dir: string;
  let file: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "assignment-"));
    file = join(dir, "assignment.json");
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it("is as it was for the next process of the same boot, and unknown to another boot", async () => {
    await assignmentFile(file).save("b1", OURS);
    expect(await assignmentFile(file).load("b1")).toEqual(OURS);
    expect(await assignmentFile(file).load("b2")).toBeUndefined();
    const { debugGrantKey: _, ...withoutKey } = OURS;
    await assignmentFile(file).save("b1", withoutKey);
    expect(await assignmentFile(file).load("b1")).toEqual(withoutKey);
  });

  it("is read when a newer release kept more of it, and left as that wrote it", async () => {
    const text = JSON.stringify({
      version: 1,
      bootId: "b1",
      orgId: "acme",
      projectId: "app",
      architecture: "amd64",
      region: 7,
    });
    await writeFile(file, text);
    expect(await assignmentFile(file).load("b1")).toEqual({ orgId: "acme", projectId: "app", architecture: "amd64" });
    expect(await readFile(file, "utf8")).toBe(text);
  });

  it("is never guessed from a damaged file", async () => {
    await writeFile(file, '{"version":1');
    await expect(assignmentFile(file).load("b1")).rejects.toMatchObject({ code: "assignment.unreadable" });
  });

  it.each([
    { what: "another key", change: { debugGrantKey: new Uint8Array([3]) } },
    { what: "another project", change: { projectId: "other" } },
    { what: "another org", change: { orgId: "other" } },
  ])("refuses $what in the first desired state after a restart of control", ({ change }) => {
    const other = desiredState({ assignment: { ...OURS, ...change } });
    expect(follows(other, undefined, OURS)).toMatchObject({ accepted: false });
    expect(follows(WISH, undefined, OURS)).toEqual({ accepted: true, repeat: false });
    expect(follows(other, undefined)).toEqual({ accepted: true, repeat: false });
  });

  it("is kept once, and tried again while it cannot be: until then no grant's key is known", async () => {
    const clock = new ManualClock();
    const log = notebook();
    const board = newBoard();
    const stop = new AbortController();
    const saved: unknown[] = [];
    let isFull = true;
    const store: AssignmentStore = {
      load: async () => undefined,
      async save(_boot, assignment) {
        if (isFull) throw new Error("no space");
        saved.push(assignment);
      },
    };
    const kept = keepAssignment({ assignment: store, clock, log }, board, { bootId: "b1" }, loopBook(), stop.signal);
    await settle();
    expect(board.firstAssignment.get()).toEqual({ at: "none" });
    board.desired.set(WISH);
    await settle();
    expect(board.firstAssignment.get()).toEqual({ at: "lost" });
    isFull = false;
    await clock.advance(60_000);
    expect(board.firstAssignment.get()).toEqual({ at: "kept", assignment: OURS });
    board.desired.set(desiredState({ assignment: OURS, revision: 99n }));
    await kept;
    expect(saved).toEqual([OURS]);
    expect(log.events).toEqual(["assignment.not-kept"]);
  });
});
