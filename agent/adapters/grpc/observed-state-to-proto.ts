import type { DebugStatus } from "../../core/debug/grant.ts";
import type { EndOrder } from "../../core/end-orders.ts";
import { MEANINGS } from "../../core/notices/meanings.ts";
import type { HeardNotice } from "../../core/notices/notice.ts";
import { noticeInWords } from "../../core/notices/notice-words.ts";
import type { ObservedEnding } from "../../core/observed-ending.ts";
import type { ObservedState } from "../../core/observed-state.ts";
import type { Phase } from "../../core/phase.ts";
import type { RefusedBuild } from "../../core/refused-builds.ts";
import {
  type BuildRefusal,
  BuildRefusalCode,
  DebugTerminalState,
  type EndingObserved,
  EndOrderSource,
  type ObservedState as ObservedStateProto,
  Phase as PhaseProto,
  type PlatformNotice,
  TailnetState,
} from "./gen/builder/agent/v1/observed_state.ts";
import { duration, time, uint32, uint64 } from "./scalars-to-proto.ts";

const PHASES: Readonly<Record<Phase["at"], PhaseProto>> = {
  starting: PhaseProto.STARTING,
  ready: PhaseProto.READY,
  degraded: PhaseProto.DEGRADED,
  draining: PhaseProto.DRAINING,
  stopping: PhaseProto.STOPPING,
};

const TAILNET_STATES: Readonly<Record<NonNullable<ObservedState["tailnet"]>["state"], TailnetState>> = {
  joining: TailnetState.JOINING,
  joined: TailnetState.JOINED,
  failed: TailnetState.FAILED,
  leaving: TailnetState.LEAVING,
};

const DEBUG_STATES: Readonly<Record<DebugStatus["state"], DebugTerminalState>> = {
  waiting: DebugTerminalState.WAITING,
  open: DebugTerminalState.OPEN,
  ended: DebugTerminalState.ENDED,
  refused: DebugTerminalState.REFUSED,
};

const REFUSAL_CODES: Readonly<Record<RefusedBuild["why"]["code"], BuildRefusalCode>> = {
  draining: BuildRefusalCode.DRAINING,
  stopping: BuildRefusalCode.STOPPING,
  expired: BuildRefusalCode.EXPIRED,
  "not-ready": BuildRefusalCode.NOT_READY,
};

const ORDER_SOURCES: Readonly<Record<EndOrder["from"], EndOrderSource>> = {
  signal: EndOrderSource.SIGNAL,
  "control-plane": EndOrderSource.CONTROL_PLANE,
  refusal: EndOrderSource.REFUSAL,
  provider: EndOrderSource.PROVIDER,
  operator: EndOrderSource.OPERATOR,
};

export function observedStateToProto(state: ObservedState): ObservedStateProto {
  const { phase, resources, cache, tailnet, ending, buildkit, certificates, counters } = state;
  return {
    observedAt: time(state.observedAtMs),
    phase: PHASES[phase.at],
    phaseReason: phase.at === "draining" || phase.at === "stopping" ? phase.reason : "",
    // Whoever reads "applied" hands out what is not refused: neither is said before both are known.
    appliedRevision: state.refusedBuilds === undefined ? 0n : state.appliedRevision,
    appliedEpoch: state.refusedBuilds === undefined ? "" : state.appliedEpoch,
    refusedRevision: state.refused?.revision ?? 0n,
    refusedReason: state.refused?.because ?? "",
    builds: [...state.builds].map(([buildId, sessions]) => ({ buildId, openSessions: uint32(sessions) })),
    refusedBuilds: (state.refusedBuilds ?? []).map(refusalToProto),
    conditions: state.checks.map(({ name, state: found, blocking, message, sinceMs }) => ({
      name,
      ok: found === "ok",
      blocking,
      message,
      since: time(sinceMs),
    })),
    resources: resources && {
      memoryAvailableBytes: uint64(resources.memoryAvailableBytes),
      load1m: resources.load1m,
      cacheSizeBytes: uint64(resources.cacheSizeBytes),
      cacheFreeBytes: uint64(resources.cacheFreeBytes),
      cacheInodes: uint64(resources.cacheInodes),
      cacheFreeInodes: uint64(resources.cacheFreeInodes),
    },
    cacheVolume: cache && {
      volumeId: cache.volumeId,
      device: cache.device,
      filesystem: cache.filesystem,
      encrypted: cache.encrypted,
      formatted: cache.formatted,
      check: cache.check,
      grownBytes: uint64(cache.grownBytes),
    },
    tailnet: tailnet && {
      ...tailnet,
      addresses: [...tailnet.addresses],
      tags: [...tailnet.tags],
      state: TAILNET_STATES[tailnet.state],
    },
    debugTerminals: (state.debugTerminals ?? []).map((terminal) => ({
      ...terminal,
      state: DEBUG_STATES[terminal.state],
    })),
    ending: ending && endingToProto(ending),
    platformNotices: (state.notices ?? []).map(noticeToProto),
    bootChapters: state.bootChapters.map(({ name, beganMs, tookMs }) => ({
      name,
      began: duration(beganMs),
      took: duration(tookMs),
    })),
    buildkit: { ...buildkit, restarts: uint32(buildkit.restarts) },
    certificates: {
      machineNotAfter: time(certificates.machineNotAfterMs),
      servingNotAfter: time(certificates.servingNotAfterMs),
      lastRenewalError: certificates.lastRenewalError,
    },
    counters: {
      sessionsAccepted: uint64(counters.sessionsAccepted),
      sessionsRefused: uint64(counters.sessionsRefused),
      messagesRefused: uint64(counters.messagesRefused),
    },
  };
}

function refusalToProto({ buildId, why, message }: RefusedBuild): BuildRefusal {
  return { buildId, code: REFUSAL_CODES[why.code], condition: why.code === "not-ready" ? why.check : "", message };
}

function endingToProto({ at, deadlineMs, deadlineOf, orders, steps }: ObservedEnding): EndingObserved {
  return {
    at,
    deadline: time(deadlineMs),
    deadlineOf: ORDER_SOURCES[deadlineOf],
    orders: orders.map((order) => ({
      source: ORDER_SOURCES[order.from],
      reason: order.reason,
      deadline: time(order.deadlineMs),
    })),
    steps: steps.map(({ name, ended, tookMs }) => ({ name, outcome: ended, took: duration(tookMs) })),
  };
}

function noticeToProto(notice: HeardNotice): PlatformNotice {
  const { kind, id = "", heardAt, dueAt } = notice;
  const [platform = "", ...word] = kind.split("-");
  return {
    platform,
    kind: word.join("-"),
    id,
    endsMachine: MEANINGS[kind].ends,
    heardAt: time(heardAt.wallMs),
    dueAt: time(dueAt?.wallMs),
    message: noticeInWords(notice),
  };
}
