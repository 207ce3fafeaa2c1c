import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { admission } from "../../agent/core/admission.ts";
import { equalJitterMs, fullJitterMs, RECONNECT, reconnectBackoff } from "../../agent/core/backoff.ts";
import { untilBeatMs } from "../../agent/core/beat.ts";
import { composeAllowSet } from "../../agent/core/compose-allow-set.ts";
import { follows } from "../../agent/core/desired-state.ts";
import { drained, QUIET_MS } from "../../agent/core/drain.ts";
import { PlaneError, type PlaneStep } from "../../agent/core/plane-status.ts";
import { received, renewAtMs, renewalPauseMs, renewalRetry } from "../../agent/core/renewal.ts";
import { afterExit, BUILDKIT_RESTARTS } from "../../agent/core/restart-budget.ts";
import { checkResult, desiredState, grant, NOW } from "./sample.ts";

describe("a new desired state", () => {
  const inForce = desiredState({ revision: 7n, epoch: "e" });
  it.each([
    { of: "the first ever", next: desiredState({ revision: 1n }), before: undefined, accepted: true, repeat: false },
    { of: "a higher revision", next: desiredState({ revision: 8n }), before: inForce, accepted: true, repeat: false },
    { of: "the same again", next: desiredState({ revision: 7n }), before: inForce, accepted: true, repeat: true },
    { of: "a lower revision", next: desiredState({ revision: 6n }), before: inForce, accepted: false },
    {
      of: "a lower revision of a new epoch",
      next: desiredState({ revision: 1n, epoch: "f" }),
      before: inForce,
      accepted: true,
      repeat: false,
    },
    {
      of: "another project's",
      next: desiredState({ revision: 8n, assignment: { orgId: "acme", projectId: "other", architecture: "amd64" } }),
      before: inForce,
      accepted: false,
    },
  ])("$of: accepted $accepted", ({ next, before, accepted, repeat }) => {
    expect(follows(next, before)).toMatchObject(repeat === undefined ? { accepted } : { accepted, repeat });
  });
});

const check = checkResult;

describe("the door", () => {
  it.each([
    { of: "all is well", phase: { at: "ready" } as const, checks: [check({})], at: "open" },
    {
      of: "BuildKit does not answer",
      phase: { at: "degraded", because: [] } as const,
      checks: [check({ state: "failed" })],
      at: "closed",
    },
    {
      of: "the disk is full",
      phase: { at: "ready" } as const,
      checks: [check({ name: "disk", state: "failed" })],
      at: "closed",
    },
    {
      of: "only the view is old (the gateway judges that itself)",
      phase: { at: "ready" } as const,
      checks: [check({ name: "control-plane-view", neededByBuilds: false, state: "failed" })],
      at: "open",
    },
    {
      of: "draining, for builds that were open",
      phase: { at: "draining", reason: "", deadlineWallMs: 0 } as const,
      checks: [check({})],
      at: "open",
    },
    { of: "stopping", phase: { at: "stopping", reason: "SIGTERM" } as const, checks: [check({})], at: "closed" },
  ])("is $at when $of", ({ phase, checks, at }) => {
    expect(admission(phase, checks).at).toBe(at);
  });

  it("keeps out builds that came after a drain began, so that their refusal can say why, and drops those that ended since", () => {
    const desired = desiredState({
      grants: new Map([
        ["b1", grant()],
        ["b9", grant({ buildId: "b9" })],
      ]),
    });
    const frozen = composeAllowSet(desired, NOW, { at: "open" }, { at: "these", builds: new Set(["b1", "b0"]) });
    expect([...frozen.grants.keys()]).toEqual(["b1"]);
    expect([...frozen.closed]).toEqual([["b9", "kept-out"]]);
  });
});

describe("a drain", () => {
  const situation = { openSessions: 0, openBuilds: 1, quietSinceMonoMs: 1_000, nowMonoMs: 1_000 };
  it.each([
    { of: "no build is open", over: { openBuilds: 0 }, done: true },
    { of: "a session is open", over: { openSessions: 1, nowMonoMs: 9_999_999 }, done: false },
    { of: "a build is between two connections", over: { nowMonoMs: 1_000 + QUIET_MS - 1 }, done: false },
    { of: "nobody came back", over: { nowMonoMs: 1_000 + QUIET_MS }, done: true },
  ])("is over ($done) when $of", ({ over, done }) => {
    expect(drained({ ...situation, ...over }).done).toBe(done);
  });
});

describe("an answer of the control plane", () => {
  it.each<{ status: string; step: PlaneStep }>([
    { status: "PERMISSION_DENIED", step: "suspect" },
    { status: "UNIMPLEMENTED", step: "suspect" },
    { status: "UNAUTHENTICATED", step: "new-evidence" },
    { status: "UNAVAILABLE", step: "retry" },
    { status: "NOT_FOUND", step: "retry" },
    { status: "INVALID_ARGUMENT", step: "retry" },
    { status: "SOMETHING_NEW", step: "retry" },
  ])("$status: $step", ({ status, step }) => {
    expect(new PlaneError("Attach", status, "why")).toMatchObject({ step, retryable: true });
  });

  it.each<{ status: string; step: PlaneStep }>([
    { status: "PERMISSION_DENIED", step: "end-agent" },
    { status: "UNIMPLEMENTED", step: "end-agent" },
    { status: "UNAUTHENTICATED", step: "new-evidence" },
    { status: "UNAVAILABLE", step: "retry" },
  ])("$status with the control plane's mark: $step", ({ status, step }) => {
    const marked = new PlaneError("Attach", status, "why", { refusal: { code: "machine-refused" } });
    expect(marked.step).toBe(step);
    expect(marked.retryable).toBe(step !== "end-agent");
    expect(marked.refusal?.code).toBe(step === "end-agent" ? "machine-refused" : undefined);
  });
});

const share01 = fc.double({ min: 0, max: 0.999_999, noNaN: true });

describe("waiting", () => {
  it("spreads reconnects over the whole interval, which grows by half up to a minute", () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (attempt, random) => {
        const ms = fullJitterMs(RECONNECT, attempt, random);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(Math.min(60_000, Math.ceil(1_000 * 1.5 ** attempt)));
      }),
    );
    expect(fullJitterMs(RECONNECT, 2, 0.5)).toBe(1_125);
    expect(fullJitterMs({ baseMs: 1_000, capMs: 60_000 }, 3, 0.5)).toBe(4_000);
  });

  it("waits no longer than 30 s once the view is too old, was never there, or a build waits", () => {
    const MINUTE_MS = 60_000;
    const cap = (viewAgeMs: number | undefined, buildWaits = false): number =>
      reconnectBackoff({ viewAgeMs, buildWaits }).capMs;
    expect(cap(0)).toBe(MINUTE_MS);
    expect(cap(5 * MINUTE_MS)).toBe(30_000);
    expect(cap(90 * MINUTE_MS)).toBe(30_000);
    expect(cap(undefined)).toBe(30_000);
    expect(cap(0, true)).toBe(30_000);
  });

  it("lets an outage cost at most 30 s more than the longer of its length and 5 minutes", () => {
    // Not all of them near 0: that many attempts would be a test of the processor.
    const draws = fc.array(fc.double({ min: 0.1, max: 0.999_999, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(fc.nat(30 * 60_000), draws, (outageMs, random) => {
        let [ageMs, attempt] = [0, 0];
        while (ageMs < outageMs) {
          const backoff = reconnectBackoff({ viewAgeMs: ageMs, buildWaits: false });
          ageMs += 1 + fullJitterMs(backoff, attempt, random[attempt % random.length] ?? 0);
          attempt += 1;
        }
        expect(ageMs).toBeLessThanOrEqual(Math.max(outageMs, 5 * 60_000) + 30_001);
      }),
    );
  });

  it("renews around two thirds of what is left of a lifetime when it was received", () => {
    fc.assert(
      fc.property(fc.integer({ min: 5_000, max: 1e9 }), share01, (lifetimeMs, random) => {
        const held = received(undefined, 1_000 + lifetimeMs, 1_000);
        const share = (renewAtMs(held, random) - 1_000) / lifetimeMs;
        expect(share).toBeGreaterThan(0.61);
        expect(share).toBeLessThan(0.72);
      }),
    );
  });

  it("renews what cannot get longer no sooner than 10 minutes later, a whole fleet not at once", () => {
    const capped = (random: number) => renewAtMs(received(received(undefined, 90_000, 0), 90_000, 60_000), random);
    expect(capped(0)).toBe(60_000 + 600_000);
    expect(capped(0.9)).toBeGreaterThan(60_000 + 840_000);
  });

  it("renews at once for the first time, then ten minutes apart, whatever lifetimes are given", () => {
    expect(renewalPauseMs(undefined, 0)).toBe(0);
    expect(renewalPauseMs(1_000, 1_000)).toBe(600_000);
    expect(renewalPauseMs(1_000, 600_999)).toBe(1);
    expect(renewalPauseMs(1_000, 601_000)).toBe(0);
  });

  it("waits after a failed renewal, longer each time, but never longer than a fifth of what is left", () => {
    const pause = (failures: number, leftMs: number, waiting = false) =>
      equalJitterMs(renewalRetry(leftMs, waiting), failures, 0);
    expect([0, 1, 2].map((failures) => pause(failures, 3_600_000))).toEqual([500, 1_000, 2_000]);
    expect(pause(30, 36_000_000)).toBe(300_000);
    expect(pause(30, 600_000)).toBe(60_000);
    expect(pause(30, -1)).toBe(15_000);
    expect(pause(30, 36_000_000, true)).toBe(15_000);
  });

  it.each([
    { exits: 1, verdict: { restart: "after", delayMs: 0 } },
    { exits: 2, verdict: { restart: "after", delayMs: 100 } },
    { exits: 4, verdict: { restart: "after", delayMs: 400 } },
    { exits: 6, verdict: { restart: "cooling-down", delayMs: 30_000 } },
  ])("restarts BuildKit after $exits exits within a minute: $verdict.restart", ({ exits, verdict }) => {
    const times = Array.from({ length: exits }, (_, index) => 100_000 + index);
    expect(afterExit(times, 100_100, BUILDKIT_RESTARTS)).toEqual(verdict);
  });

  it("forgives exits that lie further back than the budget's window", () => {
    expect(afterExit([1, 2, 3, 4, 5, 6, 7], 70_000, BUILDKIT_RESTARTS)).toEqual({ restart: "after", delayMs: 0 });
  });
});

describe("a look that may come a little sooner or later", () => {
  it.each([
    { of: "just after a beat", monoMs: 10_000.2, sleepsMs: 5_000 },
    { of: "on a beat", monoMs: 10_000, sleepsMs: 5_000 },
    { of: "half-way", monoMs: 12_500, sleepsMs: 2_500 },
    { of: "just before a beat, which counts as made", monoMs: 14_999.5, sleepsMs: 5_001 },
  ])("$of sleeps $sleepsMs ms", ({ monoMs, sleepsMs }) => {
    expect(untilBeatMs({ monoMs }, 5_000)).toBe(sleepsMs);
  });

  it("comes when others come, however the loops began, and no later than a quarter after its time", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (monoMs) => {
        const sleepsMs = untilBeatMs({ monoMs }, 1_000);
        const phaseMs = (monoMs + sleepsMs) % 1_000;
        expect(sleepsMs).toBeGreaterThanOrEqual(250);
        expect(sleepsMs).toBeLessThanOrEqual(1_250);
        expect(Math.min(phaseMs, 1_000 - phaseMs)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
