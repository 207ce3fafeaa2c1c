import type { NoticeKind } from "../../core/notices/notice.ts";
import type { NoticeLine } from "../../ports/notices.ts";
import { type AwsSession, IMDS } from "./aws-session.ts";
import { fieldsOf, jsonValue } from "./json-value.ts";
import { notUnderstood } from "./not-understood.ts";
import { timeLeft } from "./time-left.ts";

const KINDS: ReadonlyMap<unknown, NoticeKind> = new Map([
  ["terminate", "aws-spot-terminate"],
  ["stop", "aws-spot-stop"],
  ["hibernate", "aws-spot-hibernate"],
]);

/** Two minutes before; AWS advises to look every 5 s. 404 until then. */
export function awsSpot(session: AwsSession): NoticeLine {
  return {
    name: "spot/instance-action",
    everyMs: 5_000,
    async look(signal) {
      const answer = await session.get("/latest/meta-data/spot/instance-action", signal);
      if (answer === undefined) return [];
      const { action, time } = fieldsOf(jsonValue(answer.text));
      const kind = KINDS.get(action);
      const when = typeof time === "string" ? timeLeft(time, answer) : undefined;
      if (kind === undefined || when === undefined) throw notUnderstood(IMDS, "spot/instance-action");
      return [{ kind, ...when }];
    },
  };
}
