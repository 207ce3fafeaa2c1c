import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { admission } from "../../agent/core/admission.ts";
import { composeAllowSet } from "../../agent/core/compose-allow-set.ts";
import type { Phase } from "../../agent/core/phase.ts";
import { type BuildsSituation, refusedBuilds } from "../../agent/core/refused-builds.ts";
import type { FrozenBuilds } from "../../agent/core/views.ts";
import { checkResult, desiredState, grant, NOW } from "./sample.ts";

const check = checkResult;
const FULL = check({ name: "disk", state: "failed", message: "Full" });
const READY: Phase = { at: "ready" };
const DRAINING: Phase = { at: "draining", reason: "rolling update", deadlineWallMs: NOW.wallMs + 60_000 };
const STOPPING: Phase = { at: "stopping", reason: "SIGTERM" };

const these = (builds: readonly string[] = []): FrozenBuilds => ({ at: "these", builds: new Set(builds) });

function refused(over: Partial<BuildsSituation>) {
  return refusedBuilds({
    grants: new Map([["b1", grant()]]),
    frozen: { at: "none" },
    phase: READY,
    checks: [check({})],
    nowWallMs: NOW.wallMs,
    ...over,
  });
}

describe("a build of the desired state", () => {
  it("is accepted by a machine that is ready", () => {
    expect(refused({})).toEqual([]);
  });

  it.each([
    {
      of: "opened before the drain",
      over: { phase: DRAINING, frozen: these(["b1"]) },
      why: undefined,
      says: "",
    },
    {
      of: "opened after the drain began",
      over: { phase: DRAINING, frozen: these() },
      why: { code: "draining" },
      says: "rolling update",
    },
    {
      of: "opened after the drain began, on a full disk: what is final is said",
      over: { phase: DRAINING, frozen: these(), checks: [FULL] },
      why: { code: "draining" },
      says: "rolling update",
    },
    {
      of: "opened before the drain, when the disk is full",
      over: { phase: DRAINING, frozen: these(["b1"]), checks: [FULL] },
      why: { code: "not-ready", check: "disk" },
      says: "disk: Full",
    },
    {
      of: "any, of a machine that is stopping",
      over: { phase: STOPPING, frozen: these(["b1"]) },
      why: { code: "stopping" },
      says: "SIGTERM",
    },
    {
      of: "expired by this machine's clock",
      over: { nowWallMs: grant().expiresAtMs },
      why: { code: "expired" },
      says: "2026-11-21T12:30:00.000Z",
    },
    {
      of: "any, while the disk is full",
      over: { checks: [check({}), FULL] },
      why: { code: "not-ready", check: "disk" },
      says: "disk: Full",
    },
    {
      of: "any, while only the view is old",
      over: { checks: [check({ name: "control-plane-view", neededByBuilds: false, state: "failed" })] },
      why: undefined,
      says: "",
    },
  ])("$of: $why.code", ({ over, why, says }) => {
    const [first, ...more] = refused(over);
    expect(more).toEqual([]);
    expect(first?.why).toEqual(why);
    expect(first?.message ?? "").toContain(says);
  });

  it("is refused exactly when the gateway's orders would turn its client away", () => {
    const ids = ["b1", "b2", "b3", "b4"];
    const some = fc.subarray(ids);
    const situations = fc.record({
      open: some,
      frozen: fc.option(some, { nil: undefined }),
      phase: fc.constantFrom<Phase>(READY, { at: "degraded", because: [] }, DRAINING, STOPPING),
      checks: fc.array(
        fc.constantFrom(
          FULL,
          check({}),
          check({ name: "records", neededByBuilds: false, state: "failed", blocking: false }),
        ),
      ),
      expired: some,
    });
    fc.assert(
      fc.property(situations, ({ open, expired, phase, checks, ...over }) => {
        const ends = (buildId: string) => ({ expiresAtMs: NOW.wallMs + (expired.includes(buildId) ? -1 : 1) });
        const grants = new Map(open.map((buildId) => [buildId, grant({ buildId, ...ends(buildId) })]));
        const frozen: FrozenBuilds = over.frozen === undefined ? { at: "none" } : these(over.frozen);
        const orders = composeAllowSet(desiredState({ grants }), NOW, admission(phase, checks), frozen);
        const letIn = [...orders.grants.values()]
          .filter(({ expiresAtMs }) => orders.admission.at === "open" && expiresAtMs > NOW.wallMs)
          .map(({ buildId }) => buildId);
        const turnedAway = refused({ grants, frozen, phase, checks }).map(({ buildId }) => buildId);
        expect([...letIn, ...turnedAway].toSorted()).toEqual(open.toSorted());
      }),
    );
  });
});
