import type { EventTable } from "./event.ts";

/** Of control: bundles for support. */
export const diagnosticsEvents = {
  "bundle.made": {
    at: ["info"],
    fields: ["marker"],
    says: "Somebody makes a bundle on this machine: its manifest has this marker.",
  },
  "diagnostics.begun": {
    at: ["info"],
    fields: ["requestId", "marker"],
    says: "The control plane asked for a bundle, which is being made and sent.",
  },
  "diagnostics.answered": {
    at: ["info"],
    fields: ["requestId", "marker", "sizeBytes", "lacks"],
    says: "The control plane has the bundle; so many things could not be collected.",
  },
  "diagnostics.failed": {
    at: ["warn"],
    fields: ["err", "requestId", "retryInMs"],
    says: "A bundle did not get to the control plane; another one is made.",
  },
  "diagnostics.given-up": {
    at: ["warn"],
    fields: ["err", "requestId"],
    says: "A bundle did not get to the control plane, or is not wanted there any more; none follows.",
  },
  "diagnostics.not-remembered": {
    at: ["warn"],
    fields: ["file", "err"],
    says: "Which requests were answered is not kept: after a restart of control one may be answered twice.",
  },
} as const satisfies EventTable;

/** Of a process that holds secrets: bundles are searched for what they look like. */
export const secretEvents = {
  "secrets.digests-damaged": {
    at: ["warn"],
    fields: ["file", "err"],
    says: "What an earlier process's secrets look like cannot be read; the file is begun anew.",
  },
  "secrets.digests-not-kept": {
    at: ["warn"],
    fields: ["file", "err"],
    says: "What this process's secrets look like could not be kept: a bundle cannot be searched for the newest of them.",
  },
} as const satisfies EventTable;
