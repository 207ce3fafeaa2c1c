import type { EventTable } from "./event.ts";

/** Debug terminals and their recordings, as control has them. */
export const debugEvents = {
  "debug-terminal.waiting": {
    at: ["info"],
    fields: ["grantId", "user", "grantedBy", "runAs"],
    says: "A grant holds: the control plane is dialled, and its person waited for.",
  },
  "debug-terminal.refused": {
    at: ["warn"],
    fields: ["grantId", "reason", "because"],
    says: "A grant opens nothing: docs/debug-terminal.md has a line for each reason.",
  },
  "debug-terminal.opened": {
    at: ["info"],
    fields: ["grantId", "user", "recordingId"],
    says: "Its person is there: the shell runs and is recorded, and the grant is used.",
  },
  "debug-terminal.ended": {
    at: ["info"],
    fields: ["grantId", "user", "reason"],
    says: "It is over, and all that it started is gone; the reason is empty where the shell ended.",
  },
  "debug-terminal.other-person": {
    at: ["warn"],
    fields: ["grantId", "user", "came"],
    says: "Another person than the grant's came: nothing was opened, and the grant is spent.",
  },
  "debug-terminal.not-started": {
    at: ["error"],
    fields: ["err", "grantId"],
    says: "The shell could not be started, or the grant not be noted as used.",
  },
  "debug-terminal.not-recorded": {
    at: ["error"],
    fields: ["err", "grantId"],
    says: "No recording could be begun, so nothing was opened.",
  },
  "debug-terminal.not-gone": {
    at: ["error"],
    fields: ["err", "grantId"],
    says: "It is not known that all that the terminal started is gone: look for its processes.",
  },
  "debug-terminal.failed": {
    at: ["error"],
    fields: ["err", "grantId"],
    says: "A terminal ended by a defect of the agent.",
  },
  "debug-terminal.used-not-known": {
    at: ["error"],
    fields: ["err"],
    says: "Which grants were used cannot be read: every grant is refused.",
  },
  "assignment.not-known": {
    at: ["error"],
    fields: ["err"],
    says: "What this boot began with of whose machine it is cannot be read: every debug grant is refused.",
  },
  "assignment.not-kept": {
    at: ["error"],
    fields: ["err"],
    says: "Whose machine this is cannot be kept over a restart of control; every debug grant is refused until it is.",
  },
  "debug-terminal.dials-again": {
    at: ["debug"],
    fields: ["err", "pauseMs", "grantId"],
    says: "The control plane did not take the terminal's stream; it is dialled again.",
  },
  "debug-terminal.stream-broke": {
    at: ["debug"],
    fields: ["err", "grantId"],
    says: "A terminal's stream broke, and why.",
  },
  "debug-terminal.disconnected": {
    at: ["debug"],
    fields: ["grantId"],
    says: "No stream carries the terminal; it goes on within the grant's grace.",
  },
  "recording.stored": {
    at: ["info"],
    fields: ["recordingId", "sizeBytes"],
    says: "The control plane has a recording whole; the file here is gone.",
  },
  "recording.waits": {
    at: ["warn"],
    fields: ["err", "recordingId", "pauseMs"],
    says: "A recording could not be sent on; it is tried again.",
  },
  "recording.refused": {
    at: ["error"],
    fields: ["err", "recordingId"],
    says: "The control plane will never store this recording: it stays here as *.cast.refused.",
  },
  "recording.failed": {
    at: ["error"],
    fields: ["err", "grantId"],
    says: "A recording could not be written: its terminal ends.",
  },
  "recording.not-sent": {
    at: ["error"],
    fields: ["err", "recordingId"],
    says: "A recording is not sent any more, by a defect; the next start of control tries again.",
  },
} as const satisfies EventTable;

/** The process that holds one debug terminal. */
export const terminalEvents = {
  "terminal.not-started": { at: ["error"], fields: ["err"], says: "The shell could not be started." },
  "terminal.not-gone": { at: ["error"], fields: ["err"], says: "What the shell started did not end in time." },
  "terminal.not-signalled": {
    at: ["debug"],
    fields: ["err", "name"],
    says: "A signal found nobody: the program had ended.",
  },
} as const satisfies EventTable;
