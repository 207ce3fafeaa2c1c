import type { EventTable } from "./event.ts";

/** The control process from start to end, its checks, and what it shows. */
export const agentEvents = {
  "agent.started": {
    at: ["info", "error"],
    fields: ["bootId", "runId", "agent?", "node?", "buildkit?", "contract?", "err?"],
    says: "The control process began, in these versions; an error where they could not be had.",
  },
  "agent.ready": {
    at: ["info"],
    fields: ["sinceStartMs", "chapters"],
    says: "Builds are let in for the first time since the start; how long each part of it took.",
  },
  "agent.draining": {
    at: ["info"],
    fields: ["reason", "openSessions"],
    says: "No new build is let in; open ones go on until the deadline.",
  },
  "agent.cutting": {
    at: ["warn"],
    fields: ["openSessions"],
    says: "The deadline is reached: what is still open is cut.",
  },
  "agent.stopping": {
    at: ["info"],
    fields: ["reason"],
    says: "Nothing is open any longer, or was cut; the rest is closed in order.",
  },
  "ending.step": {
    at: ["info", "warn"],
    fields: ["step", "ended", "tookMs"],
    says: "A step of the ending is over, the first of them the wait for open builds; a warning where it failed or was given up.",
  },
  "ending.step-failed": {
    at: ["error"],
    fields: ["err", "step"],
    says: "A step of the ending failed; the next ones are taken all the same.",
  },
  "agent.drained": {
    at: ["info"],
    fields: ["reason", "tookMs"],
    says: "The ending is over: BuildKit has ended, the cache is closed, and the control plane has acknowledged every session record.",
  },
  "agent.not-drained": {
    at: ["warn"],
    fields: ["reason", "tookMs", "undone"],
    says: "The ending is over, and not all of it was done: what was not.",
  },
  "end-orders.recalled": {
    at: ["info"],
    fields: ["from"],
    says: "An earlier run of control was ordered to end and did not come to it: this one goes on with that, with the same deadline.",
  },
  "end-orders.damaged": {
    at: ["error"],
    fields: ["file", "err"],
    says: "What an earlier run kept of orders to end cannot be read; it is set aside as <file>.damaged, and they are not followed.",
  },
  "end-orders.not-kept": {
    at: ["error"],
    fields: ["file", "err"],
    says: "An order to end could not be written: it does not outlive this run of control.",
  },
  "end-orders.not-forgotten": {
    at: ["error"],
    fields: ["file", "err"],
    says: "An ending is over, and its order could not be removed: the next run of control ends by it, too.",
  },
  "troubles.file-damaged": {
    at: ["warn"],
    fields: ["err", "file"],
    says: "What an earlier run kept of recent trouble cannot be read; it is set aside as <file>.damaged.",
  },
  "troubles.not-kept": {
    at: ["warn"],
    fields: ["err", "file"],
    says: "Recent trouble could not be written: it does not outlive this run of control.",
  },
  "task.failed": {
    at: ["error"],
    fields: ["task", "err"],
    says: "A long-running loop ended by a defect and is started again.",
  },
  "check.passed": {
    at: ["info"],
    fields: ["check", "blocking", "message", "causedBy?"],
    says: "A check is well again.",
  },
  "check.failed": {
    at: ["info", "warn"],
    fields: ["check", "blocking", "message", "causedBy?"],
    says: "A check has failed; a warning where it keeps builds out.",
  },
  "check.unknown": {
    at: ["info"],
    fields: ["check", "blocking", "message", "causedBy?"],
    says: "What a check looks at is not known at present.",
  },
  "starts.not-counted": {
    at: ["warn"],
    fields: ["file", "err"],
    says: "How often control has started in this boot could not be kept: its restarts are counted anew.",
  },
  "health.listening": { at: ["info"], fields: ["url"], says: "Health, status and metrics are served there." },
  "health.server-failed": { at: ["error"], fields: ["err"], says: "The server of health and metrics failed." },
  "health.answer-failed": {
    at: ["error"],
    fields: ["err", "path"],
    says: "A question about health could not be answered.",
  },
  "grpc.said": { at: ["warn"], fields: ["message"], says: "The gRPC library reports something of its own." },
  "gateway.lost": {
    at: ["warn"],
    fields: ["runId"],
    says: "The gateway's process is another one: what was open in the last one is over.",
  },
} as const satisfies EventTable;
