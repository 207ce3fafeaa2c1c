import type { EventTable } from "./event.ts";

/** What operators of this machine ask by its socket. */
export const operatorsEvents = {
  "operator.drain": {
    at: ["info"],
    fields: ["reason", "graceMs", "hurry"],
    says: "An operator ends this machine in order; `hurry` does not wait for open builds.",
  },
  "operator.reconnect": { at: ["info"], fields: [], says: "An operator has the control plane tried now." },
  "operator.not-answered": {
    at: ["warn"],
    fields: ["err"],
    says: "An operator's question could not be answered to its end.",
  },
  "operators.not-served": {
    at: ["warn"],
    fields: ["err"],
    says: "The operators' socket cannot be served, and is tried again; builds are not affected.",
  },
  "operators.not-accepted": {
    at: ["warn"],
    fields: ["err"],
    says: "A connection to the operators' socket could not be accepted, or was one too many.",
  },
} as const satisfies EventTable;
