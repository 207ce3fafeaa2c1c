import { describe, expect, it } from "vitest";
import { judgeIdle } from "./idle.ts";
import { judgeBuilds } from "./oracle/builds.ts";
import { judgeReadiness } from "./oracle/readiness.ts";
import { judgeRecords } from "./oracle/records.ts";
import { judgeBaseLine, judgeSlopes } from "./oracle/resources.ts";
import { build, failed, fault, held, idle, open, record, session, timeline } from "./sample.ts";
import type { Breach, Timeline } from "./timeline.ts";

const whole = timeline();
const [b1, b2, b3] = whole.builds;
const words = (breaches: readonly Breach[]): readonly string[] => breaches.map(({ because }) => because);
const withBuilds = (...builds: Timeline["builds"]): Timeline => timeline({ builds });
const right = build({ buildId: "b3", orderedMs: 20_000, endedMs: 22_000 });

it("finds nothing where every promise was kept, and says which fault broke which build", () => {
  const { breaches, explanations } = judgeBuilds(whole);
  expect([...breaches, ...judgeRecords(whole), ...judgeReadiness(whole)]).toEqual([]);
  expect(explanations).toEqual([{ build: b2, by: "gateway-killed", told: "ending:gateway-lost" }]);
  expect([b1, b3].map((one) => one?.outcome.is)).toEqual(["right", "right"]);
});

describe("of builds it sees", () => {
  it.each<{ lie: string; told: Timeline; says: RegExp }>([
    {
      lie: "an output that is not what its context makes, whatever fault there was",
      told: withBuilds(build({ outcome: { is: "wrong", found: "sum is missing" } })),
      says: /b1: sum is missing/,
    },
    {
      lie: "a failure that nobody was told of",
      told: withBuilds(build({ outcome: failed() }), right),
      says: /b1 failed .*told: nobody.*gateway-killed/,
    },
    {
      lie: "a failure that is told as this fault never is",
      told: withBuilds(build({ outcome: failed("ending:build-revoked") }), right),
      says: /told: ending:build-revoked/,
    },
    {
      lie: "a failure before the fault",
      told: withBuilds(build({ orderedMs: 1_000, endedMs: 2_000, outcome: failed("ending:gateway-lost") }), right),
      says: /Faults at that time: none/,
    },
    {
      lie: "a failure after another build was right again",
      told: withBuilds(right, build({ orderedMs: 22_001, endedMs: 23_000, outcome: failed("ending:gateway-lost") })),
      says: /Faults at that time: none/,
    },
    {
      lie: "a failure long after the fault, though no build was right in between",
      told: withBuilds(build({ orderedMs: 72_001, endedMs: 73_000, outcome: failed("ending:gateway-lost") })),
      says: /Faults at that time: none/,
    },
    {
      lie: "a failure by what was done to another build",
      told: timeline({
        faults: [fault("build-revoked", { target: "b9" })],
        builds: [build({ outcome: failed("ending:build-revoked") })],
      }),
      says: /Faults at that time: none/,
    },
    {
      lie: "a failure by a fault that may break none",
      told: timeline({
        faults: [fault("terminal-opened")],
        builds: [build({ outcome: failed("ending:client-closed") })],
      }),
      says: /terminal-opened \(breaks none\)/,
    },
  ])("$lie", ({ told, says }) => {
    const because = words(judgeBuilds(told).breaches);
    expect(because).toHaveLength(1);
    expect(because[0]).toMatch(says);
  });
});

describe("of a build whose record was still with its gateway", () => {
  const kept = fault("state-full", { beganMs: 9_000, mendedMs: 20_000 });
  const killed = fault("agent-killed", { beganMs: 15_000, mendedMs: 16_000 });
  const lost = (...faults: Timeline["faults"]): Timeline =>
    timeline({ faults, builds: [build({ outcome: failed() }), right], sessions: [session(1)], records: [] });
  const revoked = fault("build-revoked", { target: "b1" });

  it("takes what ended the build for the cause, where both were killed before anybody could be told", () => {
    expect(judgeBuilds(lost(kept, revoked, killed)).explanations).toMatchObject([
      { by: "build-revoked", told: "ending:build-revoked" },
    ]);
  });

  it.each<{ lie: string; told: Timeline }>([
    { lie: "that it was lost, though nothing was killed", told: lost(kept, revoked) },
    { lie: "that it was lost with what kept it, though somebody could be told", told: lost(revoked, killed) },
    { lie: "that something ended the build, where nothing did", told: lost(kept, killed) },
  ])("sees the lie $lie", ({ told }) => {
    expect(words(judgeBuilds(told).breaches)).toEqual([expect.stringMatching(/told: nobody/)]);
  });
});

describe("of records it sees", () => {
  it.each<{ lie: string; told: Timeline; says: readonly RegExp[] }>([
    { lie: "one that is lost", told: timeline({ records: [record(1), record(2)] }), says: [/s3 .* has no record/] },
    {
      lie: "one that is there twice",
      told: timeline({ records: [record(1), record(2), record(3), record(4, { sessionId: "s3" })] }),
      says: [/s3 .* has 2 records/],
    },
    {
      lie: "a number that nobody has",
      told: timeline({ records: [record(1), record(2), record(3, { sequence: 4n })] }),
      says: [/after record 2 comes 4/],
    },
    {
      lie: "a number that two have",
      told: timeline({ records: [record(1), record(2), record(3, { sequence: 2n })] }),
      says: [/after record 2 comes 2/],
    },
    {
      lie: "one of a session that nobody let in",
      told: timeline({ sessions: [session(1), session(2)] }),
      says: [/of session s3, which nobody let in/],
    },
    {
      lie: "one that is lost with its gateway long after control could have it",
      told: timeline({
        sessions: [session(1), session(2), session(3, { openedMs: 5_000 })],
        records: [record(1), record(2)],
      }),
      says: [/s3 .* has no record/],
    },
  ])("$lie", ({ told, says }) => {
    const because = words(judgeRecords({ ...told, faults: told.faults.map((one) => ({ ...one, beganMs: 11_600 })) }));
    expect(because).toHaveLength(says.length);
    for (const [at, pattern] of says.entries()) expect(because[at]).toMatch(pattern);
  });

  it("nothing amiss where a session died with its gateway before there was anybody to tell", () => {
    const records = [record(1), record(2)];
    const atOnce = timeline({ records, sessions: [session(1), session(2), session(3, { openedMs: 10_900 })] });
    const controlAway = timeline({
      records,
      faults: [fault("control-stopped", { beganMs: 9_000, mendedMs: 15_000 }), fault("gateway-killed")],
      sessions: [session(1), session(2), session(3, { openedMs: 9_500 })],
    });
    expect([...judgeRecords(atOnce), ...judgeRecords(controlAway)]).toEqual([]);
  });
});

describe("of the machine it sees", () => {
  const life = (of: (at: number) => Partial<ReturnType<typeof held>>) =>
    Array.from({ length: 60 }, (_, at) => held({ atMs: at * 5_000, ...of(at) }));

  it.each<{ lie: string; found: readonly Breach[]; says: RegExp }>([
    { lie: "that it never was ready again", found: judgeReadiness(timeline({ readyMs: undefined })), says: /never/ },
    { lie: "that it took too long", found: judgeReadiness(timeline({ readyMs: 72_001 })), says: /60001 ms/ },
    {
      lie: "a process that is left",
      found: judgeIdle(idle(), idle({ things: { processes: ["gateway", "step", "step"], mounts: ["/cache"] } })),
      says: /processes: step is left/,
    },
    {
      lie: "a table that is gone",
      found: judgeIdle(idle(), idle({ things: { processes: ["gateway", "step"], mounts: [] } })),
      says: /mounts: \/cache is gone/,
    },
    {
      lie: "a disk that stays full",
      found: judgeIdle(idle(), idle({ usedKib: { cache: 90_000 } })),
      says: /cache: 90000 KiB.*80000 buildkit\/left/,
    },
    {
      lie: "memory that is not given back",
      found: judgeBaseLine([held()], [held({ rssKib: 300_000 })]),
      says: /control holds 300000 KiB; at first 80000 KiB/,
    },
    {
      lie: "descriptors that stay open",
      found: judgeBaseLine([held()], [held({ descriptors: open(90) })]),
      says: /control has 90 descriptors; at first 40; more: 50 × pipe/,
    },
    { lie: "a process that is missing", found: judgeBaseLine([held()], []), says: /no control any more/ },
    { lie: "memory that grows", found: judgeSlopes(life((at) => ({ rssKib: 80_000 + at * 10_000 }))), says: /grew by/ },
    {
      lie: "descriptors that grow",
      found: judgeSlopes(life((at) => ({ descriptors: open(at * 3) }))),
      says: /descriptors/,
    },
  ])("$lie", ({ found, says }) => {
    expect(words(found)).toEqual([expect.stringMatching(says)]);
  });

  it("no slope in a process that has only moments of more, or was started anew", () => {
    const spiky = life((at) => ({ rssKib: at % 7 === 0 ? 400_000 : 80_000 }));
    const anew = life((at) => (at < 30 ? {} : { pid: 8, rssKib: 300_000 }));
    expect([...judgeSlopes(spiky), ...judgeSlopes(anew)]).toEqual([]);
  });
});
