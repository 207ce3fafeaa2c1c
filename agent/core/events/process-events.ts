import type { EventTable } from "./event.ts";

/** Of a process as such. */
export const processEvents = {
  "process.crashed": {
    at: ["error"],
    fields: ["err", "stack"],
    says: "A defect: the process ends, and a fresh one takes its place.",
  },
  "process.warning": { at: ["warn"], fields: ["err"], says: "Node warns of something in this process." },
  "log.dropped": {
    at: ["error"],
    fields: ["lines"],
    says: "So many lines are lost: whoever takes the log had stalled, or its disk was full.",
  },
} as const satisfies EventTable;

/** Of a process that takes its configuration again at SIGHUP. */
export const configEvents = {
  "config.taken": {
    at: ["info"],
    fields: ["logLevel", "logLevelBefore"],
    says: "SIGHUP: the configuration was read again, and the log's level is in force.",
  },
  "config.needs-restart": {
    at: ["warn"],
    fields: ["keys"],
    says: "These keys have changed as well, and count after a restart.",
  },
  "config.refused": {
    at: ["error"],
    fields: ["err"],
    says: "The configuration is wrong; nothing of it was taken, and the old one stays in force.",
  },
} as const satisfies EventTable;

/** Of a process that is a unit with notifications. */
export const unitEvents = {
  "service.not-notified": {
    at: ["warn"],
    fields: ["err"],
    says: "The service manager could not be told how this process fares.",
  },
} as const satisfies EventTable;
