import { duration } from "./time-words.ts";
import type { Trouble } from "./troubles.ts";

/** As the agent notes it, and as whoever reads its `/status` has it. */
export type ToldTrouble = Omit<Trouble, "untilMs"> & { readonly untilMs?: number | undefined };

/**
 * What it was: "control-plane failed for 3 min: Nothing heard from …", "buildkitd ended: killed by
 * SIGKILL; broken: b-1, b-2". When it was stands beside it.
 */
export function troubleInWords(trouble: ToldTrouble, nowMs: number): string {
  return `${verdict(trouble, nowMs)}: ${trouble.message}${brokenBuilds(trouble)}`;
}

function verdict({ is, what, sinceMs, untilMs, times }: ToldTrouble, nowMs: number): string {
  switch (is) {
    case "check-failed": {
      const often = times > 1 ? ` ${times} times within` : untilMs === undefined ? ", still, for" : " for";
      return `${what} failed${often} ${duration((untilMs ?? nowMs) - sinceMs)}`;
    }
    case "process-ended":
      return `${what} ended`;
    case "builds-broken":
      return "builds broken";
    default:
      return is satisfies never;
  }
}

function brokenBuilds({ builds, moreBuilds }: ToldTrouble): string {
  if (builds.length === 0) return "";
  return `; broken: ${builds.join(", ")}${moreBuilds > 0 ? ` and ${moreBuilds} more` : ""}`;
}
