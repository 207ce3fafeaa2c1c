import type { EventTable } from "./event.ts";

/** What builds may reach, as the control process orders and tries it. */
export const networkEvents = {
  "network.applied": {
    at: ["info"],
    fields: ["*"],
    says: "The builds' network and its guard are in force as ordered.",
  },
  "network.not-applied": {
    at: ["error"],
    fields: ["err"],
    says: "The builds' network could not be put in force; no build begins, and it is tried again.",
  },
  "isolation.verified": {
    at: ["info"],
    fields: ["tookMs", "tried"],
    says: "From inside a build's network nothing is reached that must not be.",
  },
  "isolation.not-verified": {
    at: ["error"],
    fields: ["err"],
    says: "What builds reach could not be tried: no build is let in on a guess.",
  },
  "isolation.broken": {
    at: ["error"],
    fields: ["amiss"],
    says: "Builds reach what they must not, or miss what they need: no build is let in.",
  },
  "mirrors.not-found": {
    at: ["warn"],
    fields: ["err", "retryInMs"],
    says: "The registries' mirrors have no address: builds cannot use them.",
  },
  "mirrors.too-many-addresses": {
    at: ["warn"],
    fields: ["addresses"],
    says: "The registries' mirrors have more addresses than are let through.",
  },
} as const satisfies EventTable;

/** The same as root. */
export const networkHostEvents = {
  "network.in-force": {
    at: ["debug", "info"],
    fields: ["*"],
    says: "Links, rules and names are in force; at debug where nothing has changed.",
  },
  "network.guard-was-gone": {
    at: ["warn"],
    fields: [],
    says: "Somebody removed or changed the guard's rules; they are put back.",
  },
  "network.not-restored": {
    at: ["warn"],
    fields: ["err"],
    says: "What somebody may have changed of the builds' network could not be put right; it is tried again.",
  },
  "network.not-served": {
    at: ["warn"],
    fields: ["err"],
    says: "An order for the builds' network was not carried out.",
  },
} as const satisfies EventTable;

/** The customer's tailnet. */
export const tailnetEvents = {
  "tailnet.joined": {
    at: ["info"],
    fields: ["nodeId", "grantId", "name"],
    says: "This machine is a node of the tailnet that was granted.",
  },
  "tailnet.not-joined": {
    at: ["warn"],
    fields: ["err", "grantId", "required"],
    says: "The tailnet could not be joined; where it is required no build is let in.",
  },
  "tailnet.taken-over": {
    at: ["info"],
    fields: ["nodeId", "grantId"],
    says: "An earlier start had joined, and its node is kept.",
  },
  "tailnet.lost": { at: ["warn"], fields: ["err"], says: "The node is gone from its tailnet, or its daemon ended." },
  "tailnet.leaving": { at: ["info"], fields: ["because"], says: "The tailnet is left: the guard is closed first." },
  "tailnet.left": {
    at: ["info"],
    fields: ["nodeId", "loggedOut"],
    says: "The tailnet is left; whether the node was logged out.",
  },
  "tailnet.not-left": {
    at: ["error"],
    fields: ["err"],
    says: "The tailnet could not be left in order; the guard is closed all the same.",
  },
  "tailnet.not-recalled": {
    at: ["warn"],
    fields: ["err"],
    says: "Whether an earlier start had joined could not be found out; what it left is cleared away.",
  },
  "tailnet.device-removed": {
    at: ["info"],
    fields: ["nodeId", "removed"],
    says: "The tailnet was asked to remove this machine's device.",
  },
  "tailnet.device-not-removed": {
    at: ["error"],
    fields: ["err", "nodeId"],
    says: "The device could not be removed from the tailnet: the customer sees it until it expires.",
  },
  "tailnet.device-not-asked-after": {
    at: ["debug"],
    fields: ["err", "nodeId"],
    says: "Whether the logged-out device is gone could not be asked.",
  },
  "tailnet.join-not-undone": { at: ["error"], fields: ["err"], says: "A join that failed could not be undone." },
  "tailnet.not-logged-out": {
    at: ["warn"],
    fields: ["err"],
    says: "The node could not be logged out; its device is removed otherwise, or expires.",
  },
  "tailnet.no-good-bye": { at: ["warn"], fields: ["err"], says: "tailscaled could not be told to leave." },
  "tailnet.memory-damaged": {
    at: ["warn"],
    fields: ["file", "err"],
    says: "What was kept of the membership cannot be read.",
  },
  "tailnet.not-remembered": {
    at: ["warn"],
    fields: ["file", "err"],
    says: "The membership could not be kept: a restart of the control process joins anew.",
  },
  "tailnet.not-forgotten": {
    at: ["warn"],
    fields: ["file", "err"],
    says: "What was kept of a membership that is over could not be removed.",
  },
} as const satisfies EventTable;
