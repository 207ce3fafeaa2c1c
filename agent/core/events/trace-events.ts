import type { EventTable } from "./event.ts";

/** Where spans are sent, and what becomes of them. */
export const traceEvents = {
  "traces.sending": {
    at: ["info"],
    fields: ["to", "from"],
    says: "Spans are sent from now on: to which scheme and host, and whether this machine or the control plane says so.",
  },
  "traces.order-refused": {
    at: ["warn"],
    fields: ["because"],
    says: "The control plane orders an endpoint for spans that this machine does not send to.",
  },
  "traces.not-accepted": {
    at: ["warn"],
    fields: ["to", "err", "spans"],
    says: "Spans were not accepted; they are sent again for five minutes where that may help, and builds do not wait for it.",
  },
  "traces.partly-rejected": {
    at: ["warn"],
    fields: ["to", "because", "spans", "rejected"],
    says: "The endpoint took an export and rejected some of its spans.",
  },
  "traces.accepted": { at: ["info"], fields: ["to"], says: "The endpoint accepts spans again." },
} as const satisfies EventTable;
