import type { NoticeLine } from "../../ports/notices.ts";
import { type AwsSession, IMDS } from "./aws-session.ts";
import { fieldsOf, jsonValue } from "./json-value.ts";
import { notUnderstood } from "./not-understood.ts";

/** It may come long before a spot instance is taken back, with it, or for nothing. */
export function awsRebalance(session: AwsSession): NoticeLine {
  return {
    name: "events/recommendations/rebalance",
    everyMs: 5_000,
    async look(signal) {
      const answer = await session.get("/latest/meta-data/events/recommendations/rebalance", signal);
      if (answer === undefined) return [];
      const { noticeTime } = fieldsOf(jsonValue(answer.text));
      const atMs = typeof noticeTime === "string" ? Date.parse(noticeTime) : Number.NaN;
      if (!Number.isFinite(atMs)) throw notUnderstood(IMDS, "events/recommendations/rebalance");
      // The moment when it was given, not one at which anything happens.
      return [{ kind: "aws-rebalance", id: String(noticeTime) }];
    },
  };
}
