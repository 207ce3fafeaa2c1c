import type { Sample } from "./gauge.ts";
import type { Idle } from "./idle.ts";
import type { BuildRun, FaultRun, RecordSeen, SessionSeen, Timeline } from "./timeline.ts";

export const build = (changes: Partial<BuildRun> = {}): BuildRun => ({
  ...{ buildId: "b1", orderedMs: 10_000, endedMs: 13_000, outcome: { is: "right" } },
  ...changes,
});

export const failed = (...tells: readonly string[]): BuildRun["outcome"] => ({
  is: "failed",
  tells,
  said: "error: it broke",
});

export const fault = (is: string, changes: Partial<FaultRun> = {}): FaultRun => ({
  ...{ is, beganMs: 11_000, mendedMs: 12_000 },
  ...changes,
});

export const session = (id: number, changes: Partial<SessionSeen> = {}): SessionSeen => ({
  ...{ sessionId: `s${id}`, buildId: "b1", openedMs: 10_500 },
  ...changes,
});

export const record = (id: number, changes: Partial<RecordSeen> = {}): RecordSeen => ({
  ...{ sessionId: `s${id}`, buildId: "b1", bootId: "boot", sequence: BigInt(id), ending: "client-closed" },
  ...changes,
});

/** Of a machine whose gateway was killed once, under one build that heard of it. */
export const timeline = (changes: Partial<Timeline> = {}): Timeline => ({
  faults: [fault("gateway-killed")],
  builds: [
    build(),
    build({ buildId: "b2", outcome: failed("ending:gateway-lost") }),
    build({ buildId: "b3", orderedMs: 20_000, endedMs: 22_000 }),
  ],
  sessions: [session(1), session(2), session(3)],
  records: [record(1), record(2), record(3)],
  ...{ lastMendMs: 12_000, readyMs: 14_000 },
  ...changes,
});

/** So many descriptors. */
export const open = (count: number): readonly string[] => Array.from({ length: count }, () => "pipe");

export const held = (changes: Partial<Sample> = {}): Sample => ({
  ...{ name: "control", pid: 7, atMs: 0, rssKib: 80_000, descriptors: open(40) },
  ...changes,
});

export const idle = (changes: Partial<Idle> = {}): Idle => ({
  things: { processes: ["gateway", "step"], mounts: ["/cache"] },
  usedKib: { cache: 1_000 },
  largest: { cache: ["80000 buildkit/left"] },
  samples: [held()],
  ...changes,
});
