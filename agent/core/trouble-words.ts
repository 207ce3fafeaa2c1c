import { duration } from "./time-words.ts";
import type { Trouble } from "./troubles.ts";

/**
 * What it was: "control-plane failed for 3 min: Nothing heard from …", "buildkitd ended: killed by
 * SIGKILL; broken: b-1, b-2". When it was stands beside it.
 */
export function troubleInWords(trouble: Trouble, nowMs: number): string {
  return `${verdict(trouble, nowMs)}: ${trouble.message}${brokenBuilds(trouble)}`;
}

function verdict({ is, what, sinceMs, untilMs, times }: Trouble, nowMs: number): string {
  switch (is) {
    case "check-failed": {
      const often = times > 1 ? ` ${times} times within` : untilMs === undefined ? ", still, for" : " for";
      return `${what} failed${often} ${duration((untilMs ?? nowMs) - sinceMs)}`;
    }
    case "process-ended": {
      const lastedMs = (untilMs ?? nowMs) - sinceMs;
      const often = times > 1 ? ` ${times} times within ${duration(lastedMs)}` : "";
      if (untilMs === undefined)
        return `${what} ended${often}, still not well${often ? "" : `, for ${duration(lastedMs)}`}`;
      return `${what} ended${often}${often === "" && lastedMs >= 1_000 ? `, well again after ${duration(lastedMs)}` : ""}`;
    }
    case "builds-broken":
      return "builds broken";
    default:
      return is satisfies never;
  }
}

function brokenBuilds({ builds, moreBuilds }: Trouble): string {
  if (builds.length === 0) return "";
  return `; broken: ${builds.join(", ")}${moreBuilds > 0 ? ` and ${moreBuilds} more` : ""}`;
}
