import { VIEW_MAX_AGE_MS } from "../allow-set.ts";
import { ageMs } from "../instant.ts";
import { clockSkewMs, planeNowMs, skewInWords, TOLERATED_SKEW_MS } from "../plane-time.ts";
import type { CertificatesView } from "../views.ts";
import { type Check, failed, ok, unknown } from "./check.ts";

/** A larger skew is told, long before anything is refused for it: a time server does better. */
const NOTABLE_SKEW_MS = 60_000;

/**
 * Not blocking: what is open stays open while the view is young; `control-plane-view` blocks when
 * it is old.
 */
export const controlPlane: Check = {
  name: "control-plane",
  title: "Control plane",
  blocking: false,
  dependsOn: ["machine-certificate"],
  remedy: "Check that controlPlane.endpoint can be reached from this machine and that controlPlane.caFile is its CA",
  look({ plane }) {
    return plane.attached ? ok("Attached") : failed(`Not attached: ${plane.lastFailure}`);
  },
};

export const controlPlaneView: Check = {
  name: "control-plane-view",
  title: "View of the control plane",
  blocking: true,
  dependsOn: ["machine-certificate"],
  remedy: "The machine attaches again by itself; nothing new is let in until it has",
  look({ plane: { confirmedAt } }, now) {
    if (confirmedAt === undefined)
      return unknown("The control plane has not sent a desired state since this process started");
    const age = ageMs(confirmedAt, now);
    if (age <= VIEW_MAX_AGE_MS) return ok("Confirmed within the last 5 minutes");
    return failed(`Last confirmed ${Math.round(age / 1000)} s ago: nothing new is let in`);
  },
  // Until it is older, and not only as old.
  changesInMs: ({ plane: { confirmedAt } }, now) => confirmedAt && VIEW_MAX_AGE_MS - ageMs(confirmedAt, now) + 1,
};

export const desiredState: Check = {
  name: "desired-state",
  title: "Desired state",
  blocking: false,
  dependsOn: ["machine-certificate", "control-plane-view"],
  remedy: "The control plane's authors have to mend what it sends",
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
  remedy:
    "Set this machine's clock right and keep it so (timedatectl set-ntp true); if it is right, the control plane's is off",
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
  look({ desired }, _now, { capabilities }) {
    if (desired === undefined) return unknown("The control plane has not said yet what it wants");
    const beyond = desired.asksFor.filter((capability) => !capabilities.includes(capability));
    if (beyond.length === 0) return ok("The control plane asks for nothing that this agent cannot do");
    return failed(`The control plane asks for what this agent cannot do: ${beyond.join(", ")}`);
  },
};
