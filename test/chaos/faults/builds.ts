import { Sitting } from "../../debug/sitting.ts";
import { REF } from "../../journeys/stage/set-up.ts";
import type { Brought, Fault, FaultContext } from "./fault.ts";
import { nothingToMend } from "./fault.ts";

const lane = "builds";
const WINDOW = { columns: 80, rows: 24 };
/** Less than the contract's leeway between two clocks. */
const SKEW_MS = 50_000;
const HOUR_MS = 3_600_000;
const LEAST_HOURS = 1.5;
const MOST_HOURS = 5;

/** One of those that run, if any does: whatever is done to it is done to nobody else. */
function toOne(act: (buildId: string, context: FaultContext) => unknown): Fault["bring"] {
  return async (context): Promise<Brought> => {
    const running = context.running();
    const target = running[Math.floor(context.chance() * running.length)];
    if (target === undefined) return nothingToMend;
    try {
      act(target, context);
    } catch {
      // It has ended by itself meanwhile.
      return nothingToMend;
    }
    return { ...nothingToMend, target };
  };
}

export const BUILD_FAULTS = {
  "build-revoked": {
    ...{ lane, weight: 3, breaks: ["ending:build-revoked", "no-session", "unaccepted"], holdsMs: [0, 0] },
    what: "the control plane revokes a build that runs",
    bring: toOne((buildId, { stage }) => stage.plane.revokeBuild(buildId)),
  },
  "build-ended": {
    ...{ lane, weight: 2, breaks: ["ending:build-ended", "no-session", "unaccepted"], holdsMs: [0, 0] },
    what: "the control plane ends a build that runs",
    bring: toOne((buildId, { stage }) => stage.plane.endBuild(buildId)),
  },
  "build-expired": {
    ...{ lane, weight: 2, holdsMs: [0, 0], what: "the grant of a build that runs is to end in a second" },
    breaks: ["ending:grant-expired", "ending:build-ended", "no-session", "unaccepted", "refused:expired"],
    bring: toOne((buildId, { stage }) => stage.plane.extendBuild(buildId, new Date(Date.now() + 1_000))),
  },
  "ca-rotated": {
    ...{ lane, weight: 2, breaks: ["ending:ca-withdrawn", "no-session"], holdsMs: [3_000, 10_000] },
    what: "another CA signs builds, and the old one is withdrawn",
    bring: async ({ stage }) => {
      await stage.plane.rotateBuildCa();
      return { mend: async () => stage.plane.withdrawOldBuildCa(REF) };
    },
  },
  "clock-skewed": {
    ...{ lane, weight: 2, breaks: [], holdsMs: [2_000, 20_000] },
    what: "the control plane's clock is 50 s off",
    bring: async ({ stage, chance }) => {
      stage.plane.clock.offsetMs = chance() < 0.5 ? -SKEW_MS : SKEW_MS;
      return { mend: async () => (stage.plane.clock.offsetMs = 0) };
    },
  },
  "clock-jumped": {
    ...{ lane, weight: 1, holdsMs: [3_000, 15_000], what: "machine and control plane are hours apart" },
    // Whoever comes meanwhile has a certificate that is over, or not valid yet; what the gateway
    // shows was issued by the other clock, until it is renewed.
    breaks: ["unaccepted", "refused:expired", "refused:not-ready", "no-session", "ending:grant-expired"],
    bring: async ({ stage, chance }) => {
      const hours = LEAST_HOURS + chance() * (MOST_HOURS - LEAST_HOURS);
      stage.plane.clock.offsetMs = (chance() < 0.5 ? -1 : 1) * hours * HOUR_MS;
      return { mend: async () => (stage.plane.clock.offsetMs = 0) };
    },
  },
  "terminal-opened": {
    ...{ lane, weight: 2, breaks: [], holdsMs: [1_000, 8_000], what: "somebody has a debug terminal" },
    bring: async ({ stage }) => {
      const grant = { machineId: stage.machine.id, user: "ada", grantedBy: "owner", totalMs: 60_000 };
      const line = stage.plane.debug.grant(REF, grant);
      const sitting = new Sitting(line, WINDOW);
      await sitting.type("echo here\n");
      return { mend: async () => stage.plane.debug.withdraw(REF, line.grantId) };
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
