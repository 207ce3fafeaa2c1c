import type { EventTable } from "./event.ts";

/** What the platform announces to this machine. */
export const noticeEvents = {
  "notices.off": { at: ["info"], fields: ["because"], says: "No platform is asked for notices." },
  "notices.heeding": {
    at: ["info"],
    fields: ["platform"],
    says: "This platform is asked for notices from now on.",
  },
  "notices.heard": {
    at: ["warn"],
    fields: ["kind", "id?", "message", "ends", "dueAt?"],
    says: "The platform announces something to this machine; ends: whether the machine ends for it.",
  },
  "notices.over": { at: ["info"], fields: ["kind", "id?"], says: "The platform no longer announces it." },
  "notices.not-heard": {
    at: ["warn"],
    fields: ["platform", "err"],
    says: "The platform's metadata service is at fault: a notice would not be heard, and nothing waits for it.",
  },
  "notices.heard-again": { at: ["info"], fields: ["platform"], says: "The platform's metadata service answers again." },
  "notices.acknowledged": {
    at: ["info"],
    fields: ["ids"],
    says: "This machine has ended in order, and the platform was told that it may go ahead.",
  },
  "notices.not-acknowledged": {
    at: ["warn"],
    fields: ["ids", "err"],
    says: "The platform could not be told that it may go ahead: it does so in its own time.",
  },
} as const satisfies EventTable;
