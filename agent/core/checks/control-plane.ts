import { VIEW_MAX_AGE_MS } from "../allow-set.ts";
import { ageMs, type Instant } from "../instant.ts";
import { MESSAGES_A_SECOND } from "../message-pace.ts";
import { rfc3339 } from "../moment.ts";
import { clockSkewMs, planeNowMs, skewInWords, TOLERATED_SKEW_MS } from "../plane-time.ts";
import type { CertificatesView, PlaneView } from "../views.ts";
import { type Check, failed, ok, unknown } from "./check.ts";

/** A larger skew is told, long before anything is refused for it: a time server does better. */
const NOTABLE_SKEW_MS = 60_000;

/** What the contract has where the control plane says nothing of its heartbeat. */
const HEARTBEAT_MS = 30_000;
/** So long after the last time that it said too much at a time it is told. */
const HASTY_MS = 60_000;
/** A plane that beats every second is not told of for each hiccup of a network. */
const QUIET_LEAST_MS = 15_000;

/** Half as long again as it may be silent, and somebody should know. */
function quietMs({ heartbeatMs = HEARTBEAT_MS }: PlaneView): number {
  return Math.max(QUIET_LEAST_MS, heartbeatMs * 1.5);
}

/**
 * Not blocking while the view is young: what is open stays open. Once it is old, this is why
 * nothing new is let in. The texts hold moments, so that they stay the same while it is silent.
 */
export const controlPlane: Check = {
  name: "control-plane",
  title: "Control plane",
  blocking: false,
  dependsOn: ["machine-certificate"],
  remedy: "builder-agent doctor looks at the way to it: its name, the connection, its certificate",
  evidence({ plane: { attached, heardAt, nextTryAt, lastFailure } }, _now, { controlPlane: endpoint }) {
    return [
      `${endpoint}: ${attached ? "attached" : "not attached"}`,
      heardAt === undefined ? "no word from it in this run" : `last word at ${rfc3339(heardAt.wallMs)}`,
      ...(nextTryAt === undefined ? [] : [`next try at ${rfc3339(nextTryAt.wallMs)}`]),
      ...(attached ? [] : [`last failure: ${lastFailure}`]),
    ];
  },
  look({ plane }, now, { controlPlane: endpoint }) {
    const { attached, heardAt, lastFailure, isSilent, heartbeatMs = HEARTBEAT_MS } = plane;
    const over = { blocking: isOld(plane, now) };
    if (attached) {
      if (untilCalmMs(plane, now) > 0)
        return failed(`Attached, but ${endpoint} says more than ${MESSAGES_A_SECOND} messages a second: ${HASTE}`);
      if (heardAt === undefined || ageMs(heardAt, now) <= quietMs(plane)) return ok(`Attached to ${endpoint}`);
      const beat = `it has to speak every ${Math.ceil(heartbeatMs / 1_000)} s`;
      return failed(`Attached, but ${nothingHeard(endpoint, heardAt)}: ${beat}. ${outlook(plane, now)}`, over);
    }
    if (heardAt === undefined) return failed(`Nothing heard from ${endpoint} yet: ${lastFailure}`, over);
    const what = isSilent === true ? `N${nothingHeard(endpoint, heardAt).slice(1)}` : `Not attached to ${endpoint}`;
    return failed(`${what}. ${outlook(plane, now)} ${lastFailure}`, over);
  },
  changesInMs({ plane }, now) {
    const { attached, heardAt } = plane;
    if (attached && untilCalmMs(plane, now) > 0) return untilCalmMs(plane, now);
    const untilQuietMs = attached && heardAt ? quietMs(plane) - ageMs(heardAt, now) + 1 : 0;
    return untilQuietMs > 0 ? untilQuietMs : untilOldMs(plane, now);
  },
};

const HASTE = "the rest waits to be read. Its authors have to send only the newest state.";

function untilCalmMs({ hastyAt }: PlaneView, now: Instant): number {
  return hastyAt === undefined ? 0 : HASTY_MS - ageMs(hastyAt, now) + 1;
}

function nothingHeard(endpoint: string, heardAt: Instant): string {
  return `nothing heard from ${endpoint} since ${rfc3339(heardAt.wallMs)}`;
}

/** What comes of it, and when. */
function outlook({ confirmedAt }: PlaneView, now: Instant): string {
  if (confirmedAt === undefined) return "No build is let in before it is there.";
  const from = rfc3339(confirmedAt.wallMs + VIEW_MAX_AGE_MS);
  return `Open builds go on; new ones are refused ${isOld({ confirmedAt }, now) ? "since" : "from"} ${from}.`;
}

/** Nothing is let in by a view that is older than it may be, or was never there. */
function isOld({ confirmedAt }: Pick<PlaneView, "confirmedAt">, now: Instant): boolean {
  return confirmedAt === undefined || ageMs(confirmedAt, now) > VIEW_MAX_AGE_MS;
}

/** Until the view is older than it may be, and not only as old. */
function untilOldMs({ confirmedAt }: PlaneView, now: Instant): number | undefined {
  return confirmedAt && VIEW_MAX_AGE_MS - ageMs(confirmedAt, now) + 1;
}

export const controlPlaneView: Check = {
  name: "control-plane-view",
  title: "View of the control plane",
  blocking: true,
  dependsOn: ["machine-certificate", "control-plane"],
  remedy: "The control plane has to send the desired state every 30 s, also where it is the same",
  evidence: ({ plane: { confirmedAt } }) => [
    confirmedAt === undefined
      ? "never confirmed in this run"
      : `confirmed at ${rfc3339(confirmedAt.wallMs)}, good until ${rfc3339(confirmedAt.wallMs + VIEW_MAX_AGE_MS)}`,
  ],
  look({ plane }, now) {
    const { attached, confirmedAt } = plane;
    if (confirmedAt === undefined)
      return unknown("The control plane has not sent a desired state since this process started");
    const since = rfc3339(confirmedAt.wallMs);
    if (isOld(plane, now)) return failed(`Not confirmed since ${since}. ${outlook(plane, now)}`);
    return ok(
      attached ? "Confirmed within the last 5 minutes" : `Not confirmed since ${since}. ${outlook(plane, now)}`,
    );
  },
  changesInMs: ({ plane }, now) => untilOldMs(plane, now),
};

export const desiredState: Check = {
  name: "desired-state",
  title: "Desired state",
  blocking: false,
  dependsOn: ["machine-certificate", "control-plane-view"],
  remedy: "The control plane's authors have to mend what it sends",
  evidence: ({ desired, plane: { refused, messagesRefused } }) => [
    desired === undefined
      ? "none in force"
      : `revision ${desired.revision} in force, ${desired.grants.size} builds open in it`,
    `${messagesRefused} messages refused since control started`,
    ...(refused === undefined ? [] : [`revision ${refused.revision} refused: ${refused.because}`]),
  ],
  look({ desired, plane: { refused } }) {
    if (refused !== undefined) return failed(`Revision ${refused.revision} was refused: ${refused.because}`);
    return desired === undefined ? unknown("None yet") : ok(`Revision ${desired.revision} is in force`);
  },
};

/**
 * Beyond 5 minutes it blocks where this machine's own certificate shows what comes of it: what the
 * control plane has just issued to builds is then refused here as well.
 */
export const clock: Check = {
  name: "clock",
  title: "Clock",
  blocking: false,
  knownBy: ["machine-certificate", "control-plane"],
  remedy:
    "Set this machine's clock right and keep it so (timedatectl set-ntp true); if it is right, the control plane's is off",
  evidence: ({ plane: { time } }) => [
    time === undefined
      ? "the control plane has not said its time"
      : `compared at ${rfc3339(time.at.wallMs)} by this clock, when the control plane's said ${rfc3339(time.planeMs)}`,
  ],
  look({ plane: { time }, certificates }, now) {
    const skewMs = clockSkewMs(time, now);
    if (time === undefined) return unknown("Not compared with the control plane's yet");
    if (skewMs === undefined)
      return unknown("The clock was set, or this machine stood still: the control plane's next answer tells");
    if (Math.abs(skewMs) < 1_000) return ok("Within 1 s of the control plane's clock");
    const words = `This machine's clock is ${skewInWords(skewMs, time)}`;
    if (Math.abs(skewMs) <= NOTABLE_SKEW_MS) return ok(words);
    if (Math.abs(skewMs) <= TOLERATED_SKEW_MS) return failed(`${words}. Tolerated up to 5 min: nothing is refused yet`);
    const by = skewMs > 0 ? "refused and cut before their time" : "refused as not valid yet, and cut too late";
    return failed(`${words}. Builds' certificates and grants are judged by it: they are ${by}`, {
      blocking: !isValidAt(certificates, now.wallMs) && isValidAt(certificates, planeNowMs(time, now)),
    });
  },
};

function isValidAt({ machineNotBeforeMs, machineNotAfterMs }: CertificatesView, ms: number): boolean {
  return machineNotBeforeMs !== undefined && machineNotBeforeMs <= ms && ms < (machineNotAfterMs ?? 0);
}

export const unsupported: Check = {
  name: "unsupported",
  title: "What is asked for",
  blocking: false,
  dependsOn: ["machine-certificate", "control-plane-view"],
  remedy: "Ask for less, or give this machine a newer agent",
  evidence: ({ desired }, _now, { capabilities }) => [
    `asked for: ${desired === undefined ? "not known yet" : desired.asksFor.join(", ") || "builds alone"}`,
    `this agent can do, here: ${capabilities.join(", ")}`,
  ],
  look({ desired }, _now, { capabilities }) {
    if (desired === undefined) return unknown("The control plane has not said yet what it wants");
    const beyond = desired.asksFor.filter((capability) => !capabilities.includes(capability));
    if (beyond.length === 0) return ok("The control plane asks for nothing that this agent cannot do");
    return failed(`The control plane asks for what this agent cannot do: ${beyond.join(", ")}`);
  },
};
