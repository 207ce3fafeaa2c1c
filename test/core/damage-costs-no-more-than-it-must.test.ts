import { describe, expect, it } from "vitest";
import {
  type CachePast,
  CRASHES_MAX,
  crashesAfter,
  type DatabaseFinding,
  type DatabaseKind,
  type DatabaseState,
  judgeCache,
  SOON_MS,
} from "../../agent/core/buildkit-health.ts";

const PATHS: Readonly<Record<DatabaseKind, string>> = {
  "solver-cache": "cache.db",
  history: "history.db",
  records: "runc-overlayfs/metadata_v2.db",
  content: "runc-overlayfs/containerdmeta.db",
  snapshots: "runc-overlayfs/snapshots/metadata.db",
};
const KINDS = Object.keys(PATHS) as readonly DatabaseKind[];
const WELL: CachePast = { crashesInARow: 0, isWithoutSpace: false, isPowerCut: false };
const DAMAGED: DatabaseState = { at: "damaged", because: "page 9: multiple references" };

function found(
  states: Partial<Record<DatabaseKind, DatabaseState>>,
  snapshotsBeside = true,
): readonly DatabaseFinding[] {
  return KINDS.map((kind) => ({
    kind,
    path: PATHS[kind],
    state: states[kind] ?? { at: "sound" },
    snapshotsBeside: snapshotsBeside && kind !== "solver-cache" && kind !== "history",
  }));
}

describe("what is found in BuildKit's databases", () => {
  it.each<{ states: Partial<Record<DatabaseKind, DatabaseState>>; verdict: string; paths?: readonly string[] }>([
    { states: {}, verdict: "keep" },
    { states: { "solver-cache": DAMAGED }, verdict: "set-aside", paths: ["cache.db"] },
    { states: { history: DAMAGED }, verdict: "set-aside", paths: ["history.db"] },
    { states: { history: DAMAGED, "solver-cache": DAMAGED }, verdict: "set-aside", paths: ["cache.db", "history.db"] },
    { states: { records: DAMAGED }, verdict: "start-empty" },
    { states: { content: DAMAGED }, verdict: "start-empty" },
    { states: { snapshots: DAMAGED, history: DAMAGED }, verdict: "start-empty" },
    { states: { "solver-cache": { at: "missing" }, history: { at: "missing" } }, verdict: "keep" },
    { states: { content: { at: "missing" } }, verdict: "start-empty" },
    { states: { content: { at: "unchecked", because: "bbolt cannot be run" } }, verdict: "keep" },
  ])("$states → $verdict $paths", ({ states, verdict, paths }) => {
    expect(judgeCache(found(states), WELL)).toMatchObject({ do: verdict, ...(paths && { paths }) });
  });

  it("may be missing altogether where there are no snapshots yet", () => {
    const nothing = Object.fromEntries(KINDS.map((kind) => [kind, { at: "missing" } as const]));
    expect(judgeCache(found(nothing, false), { ...WELL, isPowerCut: true })).toEqual({ do: "keep" });
  });

  it("is given as the reason, with the database and its damage", () => {
    expect(judgeCache(found({ content: DAMAGED }), WELL)).toHaveProperty(
      "because",
      "runc-overlayfs/containerdmeta.db is damaged: page 9: multiple references",
    );
  });

  it.each([
    { past: { ...WELL, crashesInARow: CRASHES_MAX - 1 }, verdict: "keep" },
    { past: { ...WELL, crashesInARow: CRASHES_MAX }, verdict: "start-empty" },
    { past: { ...WELL, isWithoutSpace: true }, verdict: "start-empty" },
    { past: { ...WELL, isPowerCut: true }, verdict: "start-empty" },
  ])("though sound, does not help after $past: $verdict", ({ past, verdict }) => {
    expect(judgeCache(found({}), past).do).toBe(verdict);
  });
});

it.each([
  { end: "crashed", ranMs: SOON_MS - 1, before: 1, after: 2 },
  { end: "crashed", ranMs: SOON_MS, before: 2, after: 0 },
  { end: "other", ranMs: 1, before: 2, after: 0 },
  { end: "clean", ranMs: 1, before: 2, after: 0 },
] as const)("$end after $ranMs ms and $before crashes makes $after in a row", ({ end, ranMs, before, after }) => {
  expect(crashesAfter(end, ranMs, before)).toBe(after);
});
