import { isId } from "../../core/build-identity.ts";
import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
import type {
  CacheKeyWish,
  CacheVolumeWish,
  DesiredState,
  DiagnosticsWish,
  DrainOrder,
} from "../../core/desired-state.ts";
import { DEFAULT_EGRESS, type EgressPolicy } from "../../core/network/order.ts";
import { Secret } from "../../core/secret.ts";
import { buildkitSettingsFromProto } from "./buildkit-settings-from-proto.ts";
import { ContractBreach } from "./contract-breach.ts";
import { debugGrantsFromProto } from "./debug-grants-from-proto.ts";
import type {
  CacheVolume,
  DesiredState as DesiredStateProto,
  DiagnosticsRequest,
  Drain,
  EgressPolicy as EgressPolicyProto,
} from "./gen/builder/agent/v1/desired_state.ts";
import type { Duration } from "./gen/google/protobuf/duration.ts";
import { assignmentFromProto, closedFromProto, grantsFromProto } from "./grants-from-proto.ts";
import { durationMs, requireAtMost } from "./scalars-from-proto.ts";
import { requireShortTexts } from "./short-texts.ts";
import { tailnetFromProto } from "./tailnet-from-proto.ts";
import { tracesFromProto } from "./traces-from-proto.ts";
import { trustFromProto } from "./trust-from-proto.ts";

/** A drain that waits longer is a mistake; and it stays below the longest timer, 24.8 days. */
const DRAIN_GRACE_MAX_MS = 7 * 24 * 60 * 60_000;

/** The contract: the control plane speaks at least this often. */
const HEARTBEAT_MAX_MS = 30_000;

/**
 * The contract's words become ours, whole or not at all.
 * @throws {ContractBreach} that names the field at fault.
 */
export function desiredStateFromProto(state: DesiredStateProto): DesiredState {
  if (state.revision === 0n) throw new ContractBreach("revision", "is missing");
  requireShortTexts(state);
  const trust = trustFromProto(state.trustBundle);
  const assignment = assignmentFromProto(state.assignment);
  requireAtMost("diagnostics_requests", state.diagnosticsRequests.length, CONTRACT_LIMITS.diagnosticsRequests);
  const sentAtMs = state.sentAt?.getTime();
  return {
    revision: state.revision,
    epoch: state.epoch,
    // Only the clock's skew is told from it: a time that is none is as good as absent.
    ...(sentAtMs !== undefined && Number.isFinite(sentAtMs) && { sentAtMs }),
    ...heartbeatFromProto(state.heartbeat),
    trust,
    assignment,
    grants: grantsFromProto(state.openBuilds, assignment),
    closed: closedFromProto(state.closedBuilds),
    buildkit: buildkitSettingsFromProto(state.buildkit),
    ...(state.cacheVolume !== undefined && { cacheVolume: cacheVolumeFromProto(state.cacheVolume) }),
    ...(state.tailnet !== undefined && { tailnet: tailnetFromProto(state.tailnet) }),
    egress: egressFromProto(state.egress),
    ...(state.drain !== undefined && { drain: drainFromProto(state.drain) }),
    debugGrants: debugGrantsFromProto(state.debugGrants),
    ...(state.diagnosticsRequests.length > 0 && { diagnostics: diagnosticsFromProto(state.diagnosticsRequests) }),
    ...(state.traceExport !== undefined && { traces: tracesFromProto(state.traceExport) }),
    asksFor: asksFor(state),
  };
}

/** Only silence is told from it: one that is none, or too long, is as good as absent. */
function heartbeatFromProto(heartbeat: Duration | undefined): Pick<DesiredState, "heartbeatMs"> {
  if (heartbeat === undefined) return {};
  const heartbeatMs = Number(heartbeat.seconds) * 1_000 + heartbeat.nanos / 1_000_000;
  return heartbeatMs > 0 && heartbeatMs <= HEARTBEAT_MAX_MS ? { heartbeatMs } : {};
}

/** No grace given: none. */
function drainFromProto({ reason, grace }: Drain): DrainOrder {
  return { reason, graceMs: grace === undefined ? 0 : durationMs("drain.grace", grace, DRAIN_GRACE_MAX_MS) };
}

/**
 * Little is refused here: a volume that cannot be had must not keep a drain or a revocation from
 * being heard.
 * @throws {ContractBreach} if it has more than the contract allows.
 */
function cacheVolumeFromProto({ volumeId, device, filesystem, key }: CacheVolume): CacheVolumeWish {
  return {
    volumeId,
    ...(device !== "" && { device }),
    ...(filesystem !== "" && { filesystem }),
    key: cacheKeyFromProto(key),
  };
}

function cacheKeyFromProto(key: CacheVolume["key"]): CacheKeyWish {
  switch (key?.$case) {
    case undefined:
      return { kind: "none" };
    case "perBoot":
      return { kind: "per-boot" };
    case "rawKey":
      return { kind: "given", key: new Secret(key.value) };
    case "kms":
      requireAtMost(
        "cache_volume.kms.encryption_context",
        Object.keys(key.value.encryptionContext).length,
        CONTRACT_LIMITS.encryptionContextEntries,
      );
      return { kind: "wrapped", ...key.value };
    default:
      return key satisfies never;
  }
}

/**
 * Little is refused here either: what cannot be guarded as it is asked for is told by the
 * network's own check, and the guard in force stays.
 * @throws {ContractBreach} if it has more than the contract allows.
 */
function egressFromProto(egress: EgressPolicyProto | undefined): EgressPolicy {
  if (egress === undefined) return DEFAULT_EGRESS;
  requireAtMost("egress.allowed_cidrs", egress.allowedCidrs.length, CONTRACT_LIMITS.allowedCidrs);
  return { allowedCidrs: egress.allowedCidrs, allowPrivateRanges: egress.allowPrivateRanges };
}

/** One that is not understood is not answered, and refuses nothing. */
function diagnosticsFromProto(requests: readonly DiagnosticsRequest[]): readonly DiagnosticsWish[] {
  return requests.flatMap(({ requestId, expiresAt }) => {
    const expiresAtMs = expiresAt?.getTime() ?? Number.NaN;
    return isId(requestId) && Number.isFinite(expiresAtMs) ? [{ requestId, expiresAtMs }] : [];
  });
}

/** By the names of `Hello.capabilities`, and "egress" for what has none there. */
function asksFor(state: DesiredStateProto): readonly string[] {
  const asked: readonly (readonly [string, boolean])[] = [
    ["cache-volume", state.cacheVolume !== undefined],
    ["tailnet", state.tailnet !== undefined],
    ["debug-terminal", state.debugGrants.length > 0],
    ["diagnostics", state.diagnosticsRequests.length > 0],
    ["egress", state.egress !== undefined],
    ["traces", state.traceExport !== undefined],
  ];
  return asked.filter(([, present]) => present).map(([name]) => name);
}
