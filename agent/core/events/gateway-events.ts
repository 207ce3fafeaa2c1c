import type { EventTable } from "./event.ts";

/** The data plane: who came, and what became of it. */
export const gatewayEvents = {
  "gateway.listening": { at: ["info"], fields: ["runId", "address"], says: "The gateway serves this address." },
  "gateway.retired": {
    at: ["info"],
    fields: ["openSessions"],
    says: "Another gateway serves: this one lets nobody more in, and ends once what is open through it has ended.",
  },
  "gateway.finished": {
    at: ["info"],
    fields: ["runId"],
    says: "A gateway that was replaced has ended, and every session of its was over.",
  },
  "gateway.replaced": {
    at: ["info"],
    fields: ["runId", "by", "openSessions"],
    says: "Another gateway serves, and this one is told to finish what is open through it.",
  },
  "gateway.outdated": {
    at: ["info"],
    fields: ["runId"],
    says: "The gateway's unit was started as another release has it, and starts anew once nothing is open through it.",
  },
  "gateway.starting-anew": {
    at: ["info"],
    fields: ["runId"],
    says: "Nothing is open through the gateway: its unit starts anew for the installed release; who comes meanwhile waits.",
  },
  "gateway.stopped": { at: ["info"], fields: ["cut"], says: "The gateway ends; so many sessions were cut." },
  "gateway.accept-failed": { at: ["error"], fields: ["err"], says: "A connection could not be accepted." },
  "gateway.calls-are-not-judged": {
    at: ["warn"],
    fields: [],
    says: "The configuration lets every call of BuildKit pass: a build may reach what is another's.",
  },
  "control.connected": { at: ["info"], fields: [], says: "The control process is there and gives orders." },
  "control.lost": {
    at: ["warn"],
    fields: ["openSessions"],
    says: "The control process is gone; what is open stays open, on the last orders.",
  },
  "policy.applied": {
    at: ["info"],
    fields: ["revision", "builds", "admission"],
    says: "Another allow-set is in force: so many builds, and whether new sessions are let in.",
  },
  "policy.ca-unreadable": {
    at: ["error"],
    fields: ["err"],
    says: "A CA of the trust bundle cannot be read; whom it certifies is refused.",
  },
  "serving.certified": { at: ["info"], fields: ["notAfter"], says: "A serving certificate is in use until then." },
  "gateway.can-serve": {
    at: ["info"],
    fields: ["runId", "afterMs", "clientsWaiting"],
    says: "So long after its start the gateway has a certificate and CAs, and serves those who waited for that.",
  },
  "order.failed": {
    at: ["error"],
    fields: ["err", "order"],
    says: "An order of the control process could not be carried out.",
  },
  "session.opened": {
    at: ["info"],
    fields: ["sessionId", "buildId", "peer", "certificateSerial"],
    says: "A client of this build was let in.",
  },
  "session.closed": {
    at: ["info", "warn"],
    fields: [
      "sessionId",
      "buildId",
      "peer",
      "durationMs",
      "bytesFromClient",
      "bytesToClient",
      "refusedCalls?",
      "ending",
      "detail",
    ],
    says: "A session is over, with its first cause; a warning where a fault broke it.",
  },
  "session.refused": {
    at: ["debug", "warn"],
    fields: ["reason", "peer", "detail", "certificate?"],
    says: "Somebody was turned away before a session began; at debug where a load balancer only looked.",
  },
  "session.refusals-not-logged": {
    at: ["warn"],
    fields: ["refusals"],
    says: "So many more were turned away in that second.",
  },
  "call.refused": {
    at: ["warn"],
    fields: ["sessionId", "buildId", "method", "because"],
    says: "A build made a call that is not its own to make, and got a refusal; its session goes on.",
  },
  "call.refusals-not-logged": {
    at: ["warn"],
    fields: ["calls"],
    says: "So many more calls were refused in that second.",
  },
} as const satisfies EventTable;

/** The link between gateway and control, told by either end. */
export const linkEvents = {
  "link.dropped": {
    at: ["error", "warn"],
    fields: ["err", "path?"],
    says: "The link between gateway and control broke for what came over it, and is made anew.",
  },
  "link.hasty": {
    at: ["warn"],
    fields: ["err", "path"],
    says: "What answers as a gateway says so much that control reads it slower; told once a minute.",
  },
} as const satisfies EventTable;

export const linkServerEvents = {
  "link.accept-failed": {
    at: ["error"],
    fields: ["err"],
    says: "A connection to the gateway's own socket could not be accepted, or was one too many.",
  },
} as const satisfies EventTable;
