/** Where the agent is in its life. Each phase carries only what is true in it. */
export type Phase =
  | { readonly at: "starting" }
  | { readonly at: "ready" }
  | { readonly at: "degraded"; readonly because: readonly string[] }
  | {
      readonly at: "draining";
      readonly reason: string;
      readonly deadlineWallMs: number;
    }
  | { readonly at: "stopping"; readonly reason: string };

export type PhaseEvent =
  | { readonly is: "checked"; readonly failing: readonly string[] }
  | {
      readonly is: "drain-ordered";
      readonly reason: string;
      readonly deadlineWallMs: number;
    }
  | { readonly is: "stop-ordered"; readonly reason: string };

/**
 * The next phase. `stopping` latches: nothing follows it. `draining` is never taken back; a second
 * order can only bring its deadline nearer. Until every check has passed once, the agent is
 * `starting`.
 */
export function nextPhase(phase: Phase, event: PhaseEvent): Phase {
  switch (phase.at) {
    case "stopping":
      return phase;
    case "draining":
      if (event.is === "stop-ordered") return { at: "stopping", reason: event.reason };
      if (event.is === "drain-ordered" && event.deadlineWallMs < phase.deadlineWallMs) {
        return { ...phase, deadlineWallMs: event.deadlineWallMs };
      }
      return phase;
    case "starting":
    case "ready":
    case "degraded":
      switch (event.is) {
        case "stop-ordered":
          return { at: "stopping", reason: event.reason };
        case "drain-ordered":
          return {
            at: "draining",
            reason: event.reason,
            deadlineWallMs: event.deadlineWallMs,
          };
        case "checked":
          if (event.failing.length === 0) return phase.at === "ready" ? phase : { at: "ready" };
          return phase.at === "starting" ? phase : { at: "degraded", because: event.failing };
        default:
          return event satisfies never;
      }
    default:
      return phase satisfies never;
  }
}
