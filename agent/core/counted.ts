/**
 * What is counted by name, and has no list of its own beside a decision. A metric's label has every
 * one of these from the start, at zero: an increase from nothing would not be seen.
 */

/** Calls to the control plane whose failures are counted; a renewal's has a counter of its own. */
export const PLANE_CALLS = ["Attach", "Register"] as const;
export type PlaneCall = (typeof PLANE_CALLS)[number];

/** gRPC's statuses, without the one that is no failure (grpc/status.h). */
export const PLANE_STATUSES = [
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** Kinds of messages that can be refused whole. */
export const MESSAGE_KINDS = ["desired-state"] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** Processes of this machine whose restarts are counted. */
export const WATCHED_PROCESSES = ["buildkitd", "control", "gateway", "tailscaled"] as const;
export type WatchedProcess = (typeof WATCHED_PROCESSES)[number];
