import type { Notice, NoticeKind } from "../../core/notices/notice.ts";
import type { MetadataAnswer } from "../../ports/metadata.ts";
import type { NoticeLine } from "../../ports/notices.ts";
import { type AzureService, IMDS } from "./azure-service.ts";
import { fieldsOf, jsonValue } from "./json-value.ts";
import { notUnderstood } from "./not-understood.ts";
import { timeLeft } from "./time-left.ts";

const KINDS: ReadonlyMap<string, NoticeKind> = new Map([
  ["Preempt", "azure-preempt"],
  ["Terminate", "azure-terminate"],
  ["Redeploy", "azure-redeploy"],
  ["Reboot", "azure-reboot"],
  ["Freeze", "azure-freeze"],
]);
const EVENT_ID = /^[\w-]{1,128}$/;

/**
 * Azure advises to look every second: a spot machine has 30 s. Events of other machines of its set
 * come with it, and are no business of this one.
 */
export function azureEvents(service: AzureService): NoticeLine {
  return {
    name: "scheduledevents",
    everyMs: 1_000,
    async look(signal) {
      const name = await service.ownName(signal);
      const answer = await service.events(signal);
      const { Events: events } = fieldsOf(jsonValue(answer.text));
      if (!Array.isArray(events)) throw notUnderstood(IMDS, "scheduled events");
      return events.flatMap((event: unknown) => noticeOf(event, name, answer));
    },
  };
}

function noticeOf(event: unknown, name: string, answer: MetadataAnswer): readonly Notice[] {
  const read = fieldsOf(event);
  const { EventId: id, EventType: type, Resources: names, EventStatus: status, NotBefore: at } = read;
  if (typeof id !== "string" || !EVENT_ID.test(id) || typeof type !== "string" || !Array.isArray(names))
    throw notUnderstood(IMDS, "scheduled events");
  if (!names.some((one) => isCalled(one, name))) return [];
  const kind = KINDS.get(type) ?? "azure-other";
  // An event that has begun, or that nobody waits with, has no time.
  const when = status === "Started" || at === "" ? { leftMs: 0 } : timeLeft(typeof at === "string" ? at : "", answer);
  if (when === undefined) throw notUnderstood(IMDS, "scheduled events");
  const { Description: words } = read;
  return [
    {
      kind,
      id,
      ...when,
      ...(typeof words === "string" && words !== "" && { words }),
      // For a set, going ahead would end machines that are not done yet.
      ...(status === "Scheduled" && names.length === 1 && { mayBeAcknowledged: true as const }),
    },
  ];
}

function isCalled(one: unknown, name: string): boolean {
  return typeof one === "string" && one.toLowerCase() === name.toLowerCase();
}
