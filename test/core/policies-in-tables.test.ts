import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { admission } from "../../agent/core/admission.ts";
import { fullJitterMs, RECONNECT } from "../../agent/core/backoff.ts";
import { composeAllowSet } from "../../agent/core/compose-allow-set.ts";
import { follows } from "../../agent/core/desired-state.ts";
import { drained, QUIET_MS } from "../../agent/core/drain.ts";
import type { CheckResult } from "../../agent/core/health.ts";
import { PlaneError, type PlaneStep } from "../../agent/core/plane-status.ts";
import { renewAtMs } from "../../agent/core/renewal.ts";
import { afterExit, BUILDKIT_RESTARTS } from "../../agent/core/restart-budget.ts";
import { desiredState, grant, NOW } from "./sample.ts";

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

const check = (over: Partial<CheckResult>): CheckResult => ({
  name: "buildkit",
  ok: true,
  blocking: true,
  message: "",
  sinceMs: 0,
  ...over,
});

describe("the door", () => {
  it.each([
    { of: "all is well", phase: { at: "ready" } as const, checks: [check({})], at: "open" },
    {
      of: "BuildKit does not answer",
      phase: { at: "degraded", because: [] } as const,
      checks: [check({ ok: false })],
      at: "closed",
    },
    {
      of: "the disk is full",
      phase: { at: "ready" } as const,
      checks: [check({ name: "disk", ok: false })],
      at: "closed",
    },
    {
      of: "only the view is old (the gateway judges that itself)",
      phase: { at: "ready" } as const,
      checks: [check({ name: "control-plane-view", ok: false })],
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
    const frozen = composeAllowSet(desired, NOW, { at: "open" }, new Set(["b1", "b0"]));
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
    { status: "PERMISSION_DENIED", step: "end-agent" },
    { status: "UNIMPLEMENTED", step: "end-agent" },
    { status: "UNAUTHENTICATED", step: "new-evidence" },
    { status: "UNAVAILABLE", step: "retry" },
    { status: "NOT_FOUND", step: "retry" },
    { status: "INVALID_ARGUMENT", step: "retry" },
    { status: "SOMETHING_NEW", step: "retry" },
  ])("$status: $step", ({ status, step }) => {
    expect(new PlaneError("Attach", status, "why").step).toBe(step);
  });
});

describe("waiting", () => {
  it("spreads reconnects over the whole interval, which doubles up to 5 minutes", () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (attempt, random) => {
        const ms = fullJitterMs(RECONNECT, attempt, random);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(Math.min(300_000, 1_000 * 2 ** attempt));
      }),
    );
    expect(fullJitterMs(RECONNECT, 3, 0.5)).toBe(4_000);
  });

  it("renews around two thirds of a lifetime, always before its end", () => {
    fc.assert(
      fc.property(fc.nat(1e9), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (lifetimeMs, random) => {
        const share = renewAtMs(0, lifetimeMs + 1, random) / (lifetimeMs + 1);
        expect(share).toBeGreaterThan(0.61);
        expect(share).toBeLessThan(0.72);
      }),
    );
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
