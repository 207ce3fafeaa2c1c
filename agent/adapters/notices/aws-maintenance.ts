import type { Notice } from "../../core/notices/notice.ts";
import type { MetadataAnswer } from "../../ports/metadata.ts";
import type { NoticeLine } from "../../ports/notices.ts";
import { type AwsSession, IMDS } from "./aws-session.ts";
import { fieldsOf, jsonValue } from "./json-value.ts";
import { notUnderstood } from "./not-understood.ts";
import { timeLeft } from "./time-left.ts";

/** Days before; what is over or called off stays in the list. */
export function awsMaintenance(session: AwsSession): NoticeLine {
  return {
    name: "events/maintenance/scheduled",
    everyMs: 60_000,
    async look(signal) {
      const answer = await session.get("/latest/meta-data/events/maintenance/scheduled", signal);
      if (answer === undefined) return [];
      const events = jsonValue(answer.text);
      if (!Array.isArray(events)) throw notUnderstood(IMDS, "events/maintenance/scheduled");
      return events.flatMap((event: unknown) => noticeOf(event, answer));
    },
  };
}

function noticeOf(event: unknown, answer: MetadataAnswer): readonly Notice[] {
  const { NotBefore: at, Code: code, EventId: id, State: state } = fieldsOf(event);
  if (typeof at !== "string" || typeof code !== "string" || typeof id !== "string" || typeof state !== "string")
    throw notUnderstood(IMDS, "events/maintenance/scheduled");
  if (state !== "active") return [];
  const when = timeLeft(at, answer);
  if (when === undefined) throw notUnderstood(IMDS, "events/maintenance/scheduled");
  return [{ kind: "aws-maintenance", id, words: code, ...when }];
}
