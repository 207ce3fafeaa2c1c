import { describe, expect, it } from "vitest";
import type { CheckResult } from "../../agent/core/health.ts";
import { NOTHING_OBSERVED, type ObservedState } from "../../agent/core/observed-state.ts";
import { checkResult } from "../core/sample.ts";
import type { Fact, Moment } from "./facts.ts";
import { allInvariants } from "./invariants/all.ts";
import { GRACE_MS } from "./invariants/ending-orders.ts";
import { type Breach, Trace } from "./trace.ts";
import { ENDING } from "./world/world.ts";

const WALL_MS = Date.parse("2026-11-21T12:00:00Z");
const HOUR_MS = 3_600_000;

/**
 * A fact, so many milliseconds after the start; a step of the wall clock before it where one is
 * given.
 */
type Told = readonly [atMs: number, fact: Fact, wallAheadMs?: number];

const started: Told = [0, { is: "control-started", bootId: "boot-1" }];
const linked: Told = [0, { is: "link", isUp: true }];
const granted: Told = [0, { is: "build-granted", buildId: "b1", expiresAtMs: WALL_MS + HOUR_MS }];
const opened: Told = [0, { is: "session-opened", sessionId: "g1.1", buildId: "b1", isHeard: true }];
const allowed: Told = [0, { is: "allow", epoch: "e", revision: 1n, granted: new Set(["b1"]) }];
const stopped: Told = [10, { is: "told-to-stop" }];
const attached: Told = [0, { is: "attached" }];
const ended = (atMs: number, how: "stopped" | "refused" = "stopped"): Told => [
  atMs,
  { is: "control-ended", ending: { ended: how, reason: "" } },
];
const closed = (atMs: number, by: Extract<Fact, { is: "session-closed" }>["by"], wallAheadMs = 0): Told => [
  atMs,
  { is: "session-closed", sessionId: "g1.1", buildId: "b1", by, isHeard: true },
  wallAheadMs,
];
const arrived = (atMs: number, builds: readonly string[], drainGraceMs?: number): Told => [
  atMs,
  {
    is: "desired-arrived",
    epoch: "e",
    revision: 2n,
    granted: new Set(builds),
    ...(drainGraceMs !== undefined && { drainGraceMs }),
  },
];
const delivered = (atMs: number, sequence: bigint, sessionId = "g1.1"): Told => [
  atMs,
  { is: "record-delivered", bootId: "boot-1", sequence, sessionId },
];
const onDisk = (what: "opened" | "closed"): Told => [50, { is: "record-on-disk", sessionId: "g1.1", what }];
const settled: Told = [HOUR_MS, { is: "settled", amiss: [] }];
const second = (atMs: number): Told => [atMs, { is: "second" }];
const steps: readonly Told[] = [
  [20, { is: "step", step: "unit-stopped" }],
  [30, { is: "step", step: "cache-closed" }],
  [40, { is: "step", step: "tailnet-left" }],
];

function hurt(known: "away" | "idle" | "busy"): Told {
  return [100, { is: "hurt", what: "buildkit-stopped", known, open: 0 }];
}

function shown(atMs: number, over: Partial<ObservedState>): Told {
  return [atMs, { is: "shown", state: { ...NOTHING_OBSERVED, ...over } }];
}

function check(name: CheckResult["name"], ok: boolean): CheckResult {
  return checkResult({ name, state: ok ? "ok" : "failed" });
}

function times(count: number, told: (index: number) => Told): readonly Told[] {
  return Array.from({ length: count }, (_, index) => told(index));
}

/** One a minute. */
function renewals(count: number, afterMs = 0): readonly Told[] {
  return times(count, (index) => [afterMs + index * 60_000, { is: "renewed" }]);
}

function breaches(told: readonly Told[]): readonly Breach[] {
  let now: Moment = { monoMs: 0, wallMs: WALL_MS };
  const trace = new Trace(() => now, allInvariants());
  for (const [atMs, fact, wallAheadMs = 0] of told) {
    now = { monoMs: atMs, wallMs: WALL_MS + atMs + wallAheadMs };
    trace.note(fact);
  }
  return trace.breaches;
}

const ready = { phase: { at: "ready" }, checks: [check("gateway", true)] } as const;
const up: readonly Told[] = [
  started,
  linked,
  [0, { is: "cache", isOpen: true }],
  [0, { is: "buildkit", isUp: true }],
  arrived(5, ["b1"]),
];

const BROKEN: Readonly<Record<string, readonly (readonly [what: string, told: readonly Told[]])[]>> = {
  "builds-end-by-their-own-end": [
    ["a live build loses its grant", [started, granted, opened, closed(100, "orders")]],
    ["BuildKit is stopped under it", [started, granted, opened, closed(100, "buildkit-stopped")]],
    ["it is cut before the ending's deadline", [started, granted, opened, stopped, closed(GRACE_MS, "cut-all")]],
    ["the machine ends under it", [started, granted, opened, stopped, ...steps, ended(GRACE_MS)]],
    ["it expires too early", [started, granted, opened, closed(HOUR_MS - 1, "expired")]],
  ],
  "nothing-hurts-unknowingly": [
    ["the gateway is away", [started, hurt("away")]],
    ["the gateway is busy", [started, hurt("busy")]],
    ["it is away, before an ending's deadline", [started, stopped, hurt("away")]],
  ],
  "sessions-are-recorded-once": [
    ["a closed session is never delivered", [opened, closed(9, "client"), onDisk("closed"), settled]],
    [
      "one is delivered under two numbers",
      [opened, closed(9, "client"), onDisk("closed"), delivered(60, 1n), delivered(70, 2n)],
    ],
    ["one number is given twice", [opened, delivered(60, 1n), delivered(70, 1n, "g1.2")]],
    [
      "the gateway forgets what is not on disk",
      [opened, closed(9, "client"), [60, { is: "sessions-acknowledged", sessionIds: ["g1.1"] }]],
    ],
    [
      "a session of a gateway that died is not recorded, though control knew of it",
      [opened, closed(9, "gateway-died"), [10, { is: "gateway-started" }], settled],
    ],
    [
      "a record is not sent again",
      [attached, [10, { is: "record-sent", bootId: "boot-1", sequence: 1n, sessionId: "g1.1" }], second(60_000)],
    ],
  ],
  "revocations-are-prompt": [["it takes 251 ms", [started, linked, allowed, arrived(100, []), second(351)]]],
  "the-control-plane-is-asked-rarely": [
    ["7 renewals within an hour", [started, ...renewals(7)]],
    ["8, one for a gateway's new key", [[0, { is: "gateway-started" }], ...renewals(8)]],
    ["7, over a restart of control", [started, ...renewals(3), [200_000, started[1]], ...renewals(4, 200_000)]],
    ["a call in a hot loop", [started, ...times(121, (at): Told => [at * 400, { is: "called", call: "Attach" }])]],
  ],
  "registrations-are-rare": [
    ["a clock that leapt makes it register", [started, [60_000, { is: "registered", goodForMs: 1_000 }]]],
  ],
  "reports-are-few": [
    [
      "statistics count as news",
      [
        attached,
        ...times(12, (at): Told => [at * 2_000, { is: "reported", state: { ...NOTHING_OBSERVED, observedAtMs: at } }]),
      ],
    ],
  ],
  "an-ending-keeps-its-deadline": [
    ["sessions are open after the deadline", [started, linked, opened, stopped, second(GRACE_MS + 2_100)]],
    [
      "a drain's deadline is later than SIGTERM's",
      [started, linked, opened, arrived(5, ["b1"], 9 * GRACE_MS), stopped, second(GRACE_MS + 2_100)],
    ],
    ["a shorter grace is ignored", [started, linked, opened, stopped, arrived(20, ["b1"], 1_000), second(3_100)]],
    ["a second SIGTERM is ignored", [started, linked, opened, stopped, [20, { is: "told-to-hurry" }], second(2_100)]],
    ["it never ends", [started, stopped, second(GRACE_MS + 2_000 + 160_000)]],
    ["BuildKit is not stopped", [started, stopped, ended(100)]],
    ["BuildKit runs", [started, stopped, ...steps, [50, { is: "buildkit", isUp: true }], ended(100)]],
    [
      "the cache is not closed",
      [started, [0, { is: "cache", isOpen: true }], stopped, [20, { is: "step", step: "unit-stopped" }], ended(100)],
    ],
    ["the cache is closed under BuildKit", [...up, stopped, [15, { is: "cache", isOpen: false }]]],
    ["BuildKit comes up on a closed cache", [started, stopped, [15, { is: "buildkit", isUp: true }]]],
    [
      "the tailnet is not left",
      [
        started,
        [0, { is: "tailnet", isJoined: true }],
        stopped,
        [20, { is: "step", step: "unit-stopped" }],
        ended(100),
      ],
    ],
    ["records are not on disk", [started, linked, opened, stopped, closed(15, "client"), ...steps, ended(100)]],
    ["the control plane does not hear of it", [started, attached, stopped, ...steps, ended(20_000)]],
  ],
  "ready-means-looked-at": [
    ["a blocking check fails", [...up, shown(10, { ...ready, checks: [check("gateway", false)] })]],
    ["there is no check", [...up, shown(10, { ...ready, checks: [] })]],
    ["a check is ok before it could look", [started, shown(10, { checks: [check("clock", true)] })]],
    ["the gateway is away", [...up, shown(10, ready), [20, { is: "link", isUp: false }], second(2_100)]],
    ["BuildKit is away", [...up, shown(10, ready), [20, { is: "buildkit", isUp: false }], second(2_100)]],
    ["the cache is closed", [...up, [7, { is: "cache", isOpen: false }], shown(10, ready)]],
    ["the view is old", [...up, shown(10, ready), second(303_000)]],
  ],
  "queues-are-bounded": [["events pile up", [[0, { is: "queue", what: "events", size: 1_025 }]]]],
  "the-machine-comes-back": [
    ["the process fails", [started, [10, { is: "control-failed", because: "TypeError" }]]],
    ["it ends without an order", [started, ended(10)]],
    [
      "one answer of a proxy ends it",
      [started, [10, { is: "refused-unmarked", status: "UNIMPLEMENTED" }], ended(20, "refused")],
    ],
    ["something is amiss in the end", [[HOUR_MS, { is: "settled", amiss: ["it is degraded"] }]]],
    ["a loop has no pause", [[10, { is: "spun" }]]],
  ],
};

describe.each(Object.entries(BROKEN))("%s", (name, cases) => {
  it.each(cases)("is broken where %s", (_, told) => {
    expect(breaches(told).map(({ invariant }) => invariant)).toContain(name);
  });
});

it.each<readonly [string, readonly Told[]]>([
  ["a build is cut at the deadline", [started, granted, opened, stopped, closed(10 + GRACE_MS, "cut-all")]],
  [
    "a build is cut once the control plane ended it",
    [
      started,
      granted,
      opened,
      [5, { is: "build-over", buildId: "b1", as: "ended" }],
      closed(9, "orders"),
      onDisk("closed"),
      delivered(60, 1n),
      settled,
    ],
  ],
  ["the wall clock was put forward past its expiry", [started, granted, opened, closed(9, "expired", HOUR_MS)]],
  [
    "a build dies with its gateway, unheard of",
    [
      [0, { is: "session-opened", sessionId: "g1.1", buildId: "b1", isHeard: false }],
      closed(9, "gateway-died"),
      [10, { is: "gateway-started" }],
      settled,
    ],
  ],
  ["BuildKit is stopped while the gateway says idle", [started, hurt("idle")]],
  [
    "a revocation takes 250 ms",
    [
      started,
      linked,
      allowed,
      arrived(100, []),
      [350, { is: "allow", epoch: "e", revision: 2n, granted: new Set() }],
      second(1_000),
    ],
  ],
  [
    "an ending is in order",
    [started, linked, opened, stopped, closed(15, "client"), onDisk("closed"), ...steps, ended(100)],
  ],
  [
    "a proxy refuses it for half an hour",
    [
      started,
      [10, { is: "refused-unmarked", status: "UNIMPLEMENTED" }],
      [1_800_010, { is: "refused-unmarked", status: "UNIMPLEMENTED" }],
      ended(1_800_020, "refused"),
    ],
  ],
  ["7 renewals are made within an hour, one for a gateway's new key", [[0, { is: "gateway-started" }], ...renewals(7)]],
  ["it renews in a new boot", [started, ...renewals(6), [400_000, { is: "rebooted" }], ...renewals(6, 400_000)]],
  ["a ready machine is shown as one", [...up, shown(10, ready), second(1_000)]],
])("is content where %s", (_, told) => {
  expect(breaches(told)).toEqual([]);
});

it("names every invariant in the table above", () => {
  expect(Object.keys(BROKEN).toSorted()).toEqual(
    allInvariants()
      .map(({ name }) => name)
      .toSorted(),
  );
});

it("counts the grace that the simulated machine is configured with", () => {
  expect(GRACE_MS).toBe(ENDING.graceMs);
});
