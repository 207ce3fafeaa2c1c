import { faultOf } from "../faults/all.ts";
import type { FaultRow } from "../faults/fault.ts";
import type { Breach, BuildRun, Timeline } from "../timeline.ts";
import { diedUntold } from "./records.ts";
import { type Window, windowsOf } from "./windows.ts";

const RIGHT = "A build's output is what its context makes";
const EXPLAINED = "A build fails only by a fault that may break it, and somebody is told why";

/** A failed build, and the fault that explains it. */
export interface Explanation {
  readonly build: BuildRun;
  /** Name of the fault, and what told it. */
  readonly by: string;
  readonly told: string;
}

export interface Judged {
  readonly breaches: readonly Breach[];
  readonly explanations: readonly Explanation[];
}

export interface By {
  readonly recoveredMs?: number;
  /** The table's row of a fault. */
  readonly rowOf?: (is: string) => FaultRow;
  /** How many times slower than a quiet one the machine is. */
  readonly slowness?: number;
}

/** Judges every build by the table of what each fault may break, and how that must be told. */
export function judgeBuilds(
  { builds, faults, sessions, records }: Timeline,
  { recoveredMs, rowOf = faultOf, slowness = 1 }: By = {},
): Judged {
  const told = new Set(records.map(({ sessionId }) => sessionId));
  const untold = sessions.filter((one) => !told.has(one.sessionId) && diedUntold(one, faults, slowness));
  const diedWithGateway = new Set(untold.map(({ buildId }) => buildId));
  const windows = windowsOf(faults, builds, recoveredMs);
  const breaches: Breach[] = [];
  const explanations: Explanation[] = [];
  for (const build of builds) {
    const { outcome, buildId } = build;
    if (outcome.is === "wrong") breaches.push({ promise: RIGHT, because: `${buildId}: ${outcome.found}` });
    if (outcome.is !== "failed") continue;
    const met = windows.filter((window) => meets(window, build));
    const isLost = outcome.tells.length === 0 && diedWithGateway.has(buildId);
    const found = met
      .map(({ fault }) => {
        const { breaks } = rowOf(fault.is);
        // What its record would have said went with the gateway, later.
        const ends = isLost ? breaks.find((way) => way.startsWith("ending:")) : undefined;
        return { by: fault.is, told: ends ?? tellsOf(outcome.tells).find((way) => breaks.includes(way)) };
      })
      .find((one) => one.told !== undefined);
    if (found?.told === undefined) breaches.push({ promise: EXPLAINED, because: unexplained(build, met, rowOf) });
    else explanations.push({ build, by: found.by, told: found.told });
  }
  return { breaches, explanations };
}

/** A session that was let in, and of which the control plane heard nothing, has one tell. */
function tellsOf(tells: readonly string[]): readonly string[] {
  return tells.length === 0 ? ["nobody"] : tells;
}

function meets({ fault, fromMs, toMs }: Window, { buildId, orderedMs, endedMs }: BuildRun): boolean {
  return (fault.target ?? buildId) === buildId && fromMs <= endedMs && toMs >= orderedMs;
}

function unexplained(
  { buildId, orderedMs, endedMs, outcome }: BuildRun,
  met: readonly Window[],
  rowOf: (is: string) => FaultRow,
): string {
  const { tells, said } = outcome.is === "failed" ? outcome : { tells: [], said: "" };
  const faults = met.map(({ fault }) => `${fault.is} (${rowOf(fault.is).breaks.join(", ") || "breaks none"})`);
  return [
    `${buildId} failed after ${endedMs - orderedMs} ms; told: ${tellsOf(tells).join(", ")}.`,
    `Faults at that time: ${faults.join("; ") || "none"}.`,
    `It was ordered at ${new Date(orderedMs).toISOString()}. Last words: ${said.trim().split("\n").slice(-3).join(" / ")}`,
  ].join(" ");
}
