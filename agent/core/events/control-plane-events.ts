import type { EventTable } from "./event.ts";

/** Who this machine is to the control plane, and what the two say to each other. */
export const controlPlaneEvents = {
  "control-plane.attached": {
    at: ["info"],
    fields: ["revision"],
    says: "The stream to the control plane stands, and brought a desired state.",
  },
  "control-plane.detached": {
    at: ["warn"],
    fields: ["err", "retryInMs"],
    says: "The stream to the control plane is gone, or could not be had; open builds go on.",
  },
  "control-plane.hasty": {
    at: ["warn"],
    fields: ["err"],
    says: "The control plane says more than this machine reads at a time; the rest waits, and nothing is lost.",
  },
  "control-plane.proxy": { at: ["info"], fields: ["proxy"], says: "The control plane is reached by this HTTP proxy." },
  "control-plane.newer-contract": {
    at: ["info"],
    fields: ["unknownFields"],
    says: "The control plane sends fields that this agent does not know, and ignores.",
  },
  "desired-state.accepted": { at: ["info"], fields: ["revision", "openBuilds"], says: "A new desired state is taken." },
  "desired-state.refused": {
    at: ["warn"],
    fields: ["revision", "because"],
    says: "A desired state breaks the contract and is refused whole; the last one stays in force.",
  },
  "identity.recalled": {
    at: ["info"],
    fields: ["machineId"],
    says: "This machine goes on with the identity of an earlier start in this boot.",
  },
  "identity.registered": {
    at: ["info"],
    fields: ["machineId", "notAfterMs"],
    says: "The control plane took this machine's evidence and gave it certificates.",
  },
  "identity.still-good": {
    at: ["info"],
    fields: ["machineId", "notAfterMs"],
    says: "While this machine proved itself anew its certificate was accepted after all.",
  },
  "identity.registration-failed": {
    at: ["warn"],
    fields: ["err", "retryInMs?", "likely?"],
    says: "Registration failed and is tried again; `likely` names this machine's clock where it explains the refusal.",
  },
  "identity.registering-without-gateway": {
    at: ["warn"],
    fields: [],
    says: "The gateway has not come up in time: registration goes on without a serving certificate.",
  },
  "identity.evidence-found": {
    at: ["info"],
    fields: ["kind", "notTaken"],
    says: "This platform says which machine this is, and why the others were not taken.",
  },
  "identity.azure-chain-not-had": {
    at: ["warn"],
    fields: ["because"],
    says: "The certificates above Azure's signer could not be fetched: the control plane must know them.",
  },
  "identity.file-damaged": {
    at: ["warn"],
    fields: ["file"],
    says: "What an earlier start kept of the identity cannot be read; the machine registers anew.",
  },
  "identity.file-unreadable": {
    at: ["warn"],
    fields: ["file", "err"],
    says: "The file of an earlier start's identity cannot be opened; the machine registers anew.",
  },
  "identity.of-another-boot": {
    at: ["info"],
    fields: ["file", "bootId"],
    says: "A kept identity is of another boot and is forgotten.",
  },
  "identity.not-forgotten": { at: ["warn"], fields: ["file", "err"], says: "The kept identity could not be removed." },
  "identity.not-kept": {
    at: ["warn"],
    fields: ["directory", "because", "err?"],
    says: "The identity cannot be kept in memory: a restart of the control process registers anew.",
  },
  "certificates.renewed": {
    at: ["info"],
    fields: ["machine", "serving"],
    says: "New certificates are in use, of the machine, the gateway, or both.",
  },
  "certificates.renewal-failed": {
    at: ["warn"],
    fields: ["err", "retryInMs"],
    says: "Certificates could not be renewed; the old ones stay in use until they expire.",
  },
} as const satisfies EventTable;

/** Session records, until the control plane has acknowledged them. */
export const recordEvents = {
  "records.not-stored": {
    at: ["error"],
    fields: ["err", "events", "eventsDropped"],
    says: "Session records could not be written to disk; they wait in memory and are tried again.",
  },
  "records.of-others": {
    at: ["warn"],
    fields: ["runId", "sessions"],
    says: "A gateway told of sessions of another project than this machine's; they are kept nowhere: it is no gateway of ours.",
  },
  "records.dropped": {
    at: ["error"],
    fields: ["bootId", "upTo", "count", "total"],
    says: "More records wait than may: the oldest are lost, and the control plane is told how many.",
  },
  "records.damaged": {
    at: ["error"],
    fields: ["damagedLines", "keptIn"],
    says: "The journal of records has damaged lines; they are kept in that file.",
  },
  "records.damaged-not-kept": {
    at: ["error"],
    fields: ["damagedLines", "keptIn", "err"],
    says: "The journal of records has damaged lines, which could not be copied to that file; they stay in the journal, and all others count.",
  },
  "records.unreadable": {
    at: ["error"],
    fields: ["sequence", "offset"],
    says: "A record cannot be read back from disk and is skipped.",
  },
  "records.torn-line-dropped": {
    at: ["warn"],
    fields: ["tornBytes"],
    says: "The last line of the journal was not whole after an unclean end, and is cut off.",
  },
  "records.newer-lines-kept": {
    at: ["warn"],
    fields: ["lines", "bytes"],
    says: "The journal has lines of a newer release; they are kept as they are.",
  },
  "records.not-compacted": {
    at: ["warn"],
    fields: ["err"],
    says: "The journal could not be made smaller; it grows on, within its limits.",
  },
  "records.acknowledgement-not-written": {
    at: ["warn"],
    fields: ["err"],
    says: "An acknowledgement could not be written: those records may be sent twice.",
  },
  "records.not-dropped": {
    at: ["warn"],
    fields: ["err"],
    says: "The oldest records could not be dropped to make room.",
  },
} as const satisfies EventTable;
