import type { NoticeLine } from "../../ports/notices.ts";
import type { AwsSession } from "./aws-session.ts";
import { IMDS } from "./aws-session.ts";
import { notUnderstood } from "./not-understood.ts";

const ENDS = new Set(["Terminated", "Warmed:Terminated"]);
/** InService, Standby, Detached, Warmed:Stopped, and what they may add. */
const STATE = /^[A-Z][A-Za-z]{1,31}(?::[A-Z][A-Za-z]{1,31})?$/;

/**
 * The state that an Auto Scaling group wants this instance in; 404 outside of one. It says no time:
 * the group's lifecycle hook waits, or the instance is shut down at once.
 */
export function awsTargetState(session: AwsSession): NoticeLine {
  return {
    name: "autoscaling/target-lifecycle-state",
    everyMs: 5_000,
    async look(signal) {
      const answer = await session.get("/latest/meta-data/autoscaling/target-lifecycle-state", signal);
      if (answer === undefined) return [];
      const state = answer.text.trim();
      if (!STATE.test(state)) throw notUnderstood(IMDS, "autoscaling/target-lifecycle-state");
      return ENDS.has(state) ? [{ kind: "aws-target-terminated" }] : [];
    },
  };
}
