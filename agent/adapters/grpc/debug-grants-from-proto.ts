import { CONTRACT_LIMITS, DEBUG_LIMITS } from "../../core/contract-limits.ts";
import type { DebugGrant, DebugGrantWish, RunAs } from "../../core/debug/grant.ts";
import { Secret } from "../../core/secret.ts";
import { ContractBreach, quoted } from "./contract-breach.ts";
import { type DebugGrant as DebugGrantProto, DebugUser } from "./gen/builder/agent/v1/desired_state.ts";
import { durationMs, id, requireAtMost, timeMs } from "./scalars-from-proto.ts";

/**
 * Each alone: a grant that does not parse, or whose id comes twice, refuses nothing but itself.
 * @throws {ContractBreach} if there are more than the contract allows.
 */
export function debugGrantsFromProto(grants: readonly DebugGrantProto[]): readonly DebugGrantWish[] {
  requireAtMost("debug_grants", grants.length, CONTRACT_LIMITS.debugGrants);
  const seen = new Map<string, DebugGrantWish>();
  for (const grant of grants) {
    const { grantId } = grant;
    seen.set(
      grantId,
      seen.has(grantId) ? unreadable(grantId, "its id comes twice in the desired state") : parse(grant),
    );
  }
  return [...seen.values()];
}

function parse(proto: DebugGrantProto): DebugGrantWish {
  const { grantId } = proto;
  try {
    return { is: "grant", grantId, grant: grantFromProto(proto) };
  } catch (failure) {
    if (failure instanceof ContractBreach) return unreadable(grantId, failure.message);
    throw failure;
  }
}

function unreadable(grantId: string, because: string): DebugGrantWish {
  return { is: "unreadable", grantId, because };
}

const RUN_AS: ReadonlyMap<DebugUser, RunAs> = new Map([
  [DebugUser.UNSPECIFIED, "unprivileged"],
  [DebugUser.ROOT, "root"],
]);

/** Of the longest name that is shown to people. */
const NAME_MAX = 256;

function grantFromProto(proto: DebugGrantProto): DebugGrant {
  const { idleMs, graceMs, totalMs } = DEBUG_LIMITS;
  const runAs = RUN_AS.get(proto.runAs);
  if (runAs === undefined) throw new ContractBreach("run_as", `is ${proto.runAs}, which this agent does not know`);
  const idleLimitMs = proto.idleLimit === undefined ? idleMs.usual : durationMs("idle_limit", proto.idleLimit, totalMs);
  if (idleLimitMs < idleMs.least) throw new ContractBreach("idle_limit", "is shorter than 5 seconds");
  return {
    grantId: id("grant_id", proto.grantId),
    user: name("user", proto.user),
    grantedBy: name("granted_by", proto.grantedBy),
    machineId: id("machine_id", proto.machineId),
    grantedAtMs: Math.floor(timeMs("granted_at", proto.grantedAt)),
    startBeforeMs: Math.floor(timeMs("start_before", proto.startBefore)),
    endsAtMs: Math.floor(timeMs("ends_at", proto.endsAt)),
    command: command(proto.command),
    runAs,
    idleLimitMs,
    disconnectGraceMs:
      proto.disconnectGrace === undefined
        ? graceMs.usual
        : durationMs("disconnect_grace", proto.disconnectGrace, graceMs.most),
    signature: proto.signature,
  };
}

/** It is shown in a terminal, and in the log. */
function name(field: string, value: string): string {
  if (value !== "" && value.length <= NAME_MAX && !/\p{Cc}/u.test(value)) return value;
  throw new ContractBreach(field, `is ${quoted(value)}, not a name of 1 to ${NAME_MAX} characters`);
}

/** Its words may be secret: none is ever repeated in a refusal. */
function command(words: readonly string[]): readonly Secret[] {
  requireAtMost("command", words.length, DEBUG_LIMITS.commandWords);
  const characters = words.reduce((sum, word) => sum + word.length, 0);
  if (characters > DEBUG_LIMITS.commandCharacters)
    throw new ContractBreach("command", `has more than ${DEBUG_LIMITS.commandCharacters} characters`);
  if (words[0] === "" || words.some((word) => word.includes("\0")))
    throw new ContractBreach("command", "names no program, or holds a NUL");
  return words.map((word) => new Secret(word));
}
