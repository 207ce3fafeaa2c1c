import { DEBUG_LIMITS } from "../contract-limits.ts";
import type { Phase } from "../phase.ts";
import type { DebugGrantWish } from "./grant.ts";

/** What a grant is judged by. */
export interface DebugFacts {
  readonly nowMs: number;
  readonly machineId: string;
  readonly phase: Phase["at"];
  /**
   * Whether its signature is the assignment's key's. "no-key": the assignment names none;
   * "unknown": which key this boot began with is not known any more.
   */
  readonly signature: "good" | "wrong" | "no-key" | "unknown";
  /** "unknown": what was used before cannot be read, so anything may have been. */
  readonly used: "no" | "yes" | "unknown";
  /** Of other grants. */
  readonly openTerminals: number;
  /** Whether this machine's own configuration allows root. */
  readonly rootAllowed: boolean;
}

export type DebugVerdict =
  | { readonly is: "good" }
  | { readonly is: "early"; readonly fromMs: number; readonly message: string }
  | { readonly is: "refused"; readonly reason: DebugRefusal; readonly message: string };

export type DebugRefusal =
  | "unreadable"
  | "other-machine"
  | "unsigned"
  | "signature-wrong"
  | "key-unknown"
  | "too-long"
  | "used"
  | "expired"
  | "root-not-allowed"
  | "draining"
  | "busy";

/** More at a time would be no debugging. */
const OPEN_TERMINALS_MAX = 4;

/** Whether a terminal may be opened under this grant now. The first thing that is wrong is told. */
export function judgeGrant(wish: DebugGrantWish, facts: DebugFacts): DebugVerdict {
  if (wish.is === "unreadable") return refused("unreadable", wish.because);
  const { grant } = wish;
  const { nowMs, machineId, used } = facts;
  if (grant.machineId !== machineId)
    return refused("other-machine", `It is for machine ${grant.machineId}, and this is ${machineId}.`);
  if (facts.signature === "unknown")
    return refused("key-unknown", "Which key this boot began with is not known any more: the log says why.");
  if (facts.signature !== "no-key" && grant.signature.length === 0)
    return refused("unsigned", "The assignment names a key, and the grant has no signature.");
  if (facts.signature === "wrong")
    return refused("signature-wrong", "The signature is not that of the assignment's key over this grant.");
  if (grant.startBeforeMs - grant.grantedAtMs > DEBUG_LIMITS.startWithinMs)
    return refused("too-long", "It gives more than 15 minutes to start.");
  if (grant.endsAtMs - grant.grantedAtMs > DEBUG_LIMITS.totalMs)
    return refused("too-long", "It gives more than 4 hours in all.");
  if (used === "yes") return refused("used", "It was used before, and is good for one terminal.");
  if (used === "unknown") return refused("used", "Which grants were used before cannot be read: the log says why.");
  if (nowMs >= grant.startBeforeMs) return refused("expired", "Its time to start is over: a new grant is needed.");
  if (nowMs >= grant.endsAtMs) return refused("expired", "It is over: a new grant is needed.");
  if (nowMs < grant.grantedAtMs)
    return { is: "early", fromMs: grant.grantedAtMs, message: "It begins later, by this machine's clock." };
  if (grant.runAs === "root" && !facts.rootAllowed)
    return refused("root-not-allowed", "This machine's configuration does not allow root: debugTerminal.root.");
  if (facts.phase === "draining" || facts.phase === "stopping")
    return refused("draining", "The machine is ending: no new terminal is opened.");
  if (facts.openTerminals >= OPEN_TERMINALS_MAX)
    return refused("busy", `${OPEN_TERMINALS_MAX} terminals are open here: end one first.`);
  return { is: "good" };
}

function refused(reason: DebugRefusal, message: string): DebugVerdict {
  return { is: "refused", reason, message };
}
