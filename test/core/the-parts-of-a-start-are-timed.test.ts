import { expect, it } from "vitest";
import { type Milestones, withEnded } from "../../agent/core/boot-chapters.ts";

const NOTHING: Milestones = {
  registered: false,
  desired: false,
  cacheOpen: false,
  networkGuarded: false,
  isolationVerified: false,
  buildkitReady: false,
  gatewayServes: false,
  ready: false,
};

it("times each part from where what it waits for had ended", () => {
  let reached = NOTHING;
  let chapters = withEnded([], reached, 10);
  const then = (change: Partial<Milestones>, nowMs: number): void => {
    reached = { ...reached, ...change };
    chapters = withEnded(chapters, reached, nowMs);
  };
  then({ registered: true }, 200);
  then({ gatewayServes: true }, 260);
  then({ desired: true }, 300);
  then({ networkGuarded: true }, 700);
  then({ cacheOpen: true }, 1_500);
  then({ isolationVerified: true }, 1_600);
  then({ buildkitReady: true }, 1_900);
  then({ ready: true }, 1_910);
  expect(chapters).toEqual([
    { name: "register", beganMs: 0, tookMs: 200 },
    { name: "gateway", beganMs: 200, tookMs: 60 },
    { name: "attach", beganMs: 200, tookMs: 100 },
    { name: "network", beganMs: 300, tookMs: 400 },
    { name: "cache-volume", beganMs: 300, tookMs: 1_200 },
    { name: "isolation", beganMs: 700, tookMs: 900 },
    { name: "buildkit", beganMs: 1_500, tookMs: 400 },
    { name: "ready", beganMs: 0, tookMs: 1_910 },
  ]);
});

it("begins BuildKit's part where the later of its cache and its network was there", () => {
  const before = { ...NOTHING, registered: true, desired: true, cacheOpen: true };
  const guarded = withEnded(withEnded([], before, 300), { ...before, networkGuarded: true }, 500);
  const [buildkit] = withEnded(guarded, { ...before, networkGuarded: true, buildkitReady: true }, 900).slice(-1);
  expect(buildkit).toEqual({ name: "buildkit", beganMs: 500, tookMs: 400 });
});

it("keeps what it noted when a milestone is lost and reached again", () => {
  const first = withEnded([], { ...NOTHING, registered: true }, 200);
  expect(withEnded(first, NOTHING, 900)).toBe(first);
  expect(withEnded(first, { ...NOTHING, registered: true }, 1_000)).toBe(first);
});

it("sees several at once, as after a restart of this process on a machine that runs", () => {
  const all = Object.fromEntries(Object.keys(NOTHING).map((key) => [key, true])) as unknown as Milestones;
  expect(withEnded([], all, 50).map(({ name, beganMs, tookMs }) => [name, beganMs + tookMs])).toEqual([
    ["register", 50],
    ["attach", 50],
    ["cache-volume", 50],
    ["network", 50],
    ["buildkit", 50],
    ["isolation", 50],
    ["gateway", 50],
    ["ready", 50],
  ]);
});
