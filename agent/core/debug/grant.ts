import type { Secret } from "../secret.ts";

/** One person, one terminal, once: every value parsed, nothing judged yet. */
export interface DebugGrant {
  readonly grantId: string;
  /** Who uses it, and who allowed it. */
  readonly user: string;
  readonly grantedBy: string;
  /** The one machine that it is for. */
  readonly machineId: string;
  readonly grantedAtMs: number;
  readonly startBeforeMs: number;
  readonly endsAtMs: number;
  /** A program and its arguments, which may hold secrets. Empty: a login shell. */
  readonly command: readonly Secret[];
  readonly runAs: RunAs;
  /** Without a key for this long it ends. */
  readonly idleLimitMs: number;
  /** How long it outlives its stream. */
  readonly disconnectGraceMs: number;
  /** Empty: none. */
  readonly signature: Uint8Array;
}

export type RunAs = "unprivileged" | "root";

/** A grant of the desired state. One that does not parse is refused alone, by its id. */
export type DebugGrantWish =
  | { readonly is: "grant"; readonly grantId: string; readonly grant: DebugGrant }
  | { readonly is: "unreadable"; readonly grantId: string; readonly because: string };

/** Why the agent ended a terminal, or never began it: the contract's words. "": the shell ended. */
export type EndReason =
  | ""
  | "grant-ended"
  | "grant-withdrawn"
  | "idle"
  | "disconnected"
  | "closed"
  | "stopping"
  | "failed"
  | "recording-failed"
  | "input-overrun"
  | "other-person"
  | "not-recorded"
  | "not-started";

const SENTENCES: Readonly<Record<EndReason, string>> = {
  "": "The shell ended.",
  "grant-ended": "The grant's time is over.",
  "grant-withdrawn": "The grant was withdrawn.",
  idle: "No key was pressed for as long as the grant allows.",
  disconnected: "Nobody came back after the connection broke.",
  closed: "The control plane ended it.",
  stopping: "The machine is ending.",
  failed: "The process that held the terminal is gone.",
  "recording-failed": "The recording cannot be stored any more.",
  "input-overrun": "More input came than the contract allows.",
  "other-person": "The grant is for another person.",
  "not-recorded": "It cannot be recorded, so it was not started.",
  "not-started": "It could not be started: the agent's log has the reason.",
};

/** For the person in front of it. */
export function endInWords(reason: EndReason): string {
  return SENTENCES[reason];
}

/** Whether a grant has, or waits for, no terminal. */
export function isOver({ state }: DebugStatus): boolean {
  return state === "ended" || state === "refused";
}

/** What has become of a grant. */
export interface DebugStatus {
  readonly grantId: string;
  readonly state: "waiting" | "open" | "ended" | "refused";
  /** A stable word; "" while there is nothing to say. */
  readonly reason: string;
  readonly message: string;
}
