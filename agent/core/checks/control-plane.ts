import { VIEW_MAX_AGE_MS } from "../allow-set.ts";
import { ageMs } from "../instant.ts";
import { type Check, failed, ok, unknown } from "./check.ts";

/** Certificates are judged by the clock: a larger skew makes fresh ones look not yet valid. */
const CLOCK_SKEW_LIMIT_MS = 60_000;

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

export const clock: Check = {
  name: "clock",
  title: "Clock",
  blocking: false,
  dependsOn: ["machine-certificate", "control-plane-view"],
  remedy: "Set this machine's clock right: certificates are judged by it",
  look({ plane: { clockSkewMs: skew } }) {
    if (skew === undefined) return unknown("Not compared with the control plane's yet");
    const isSmall = Math.abs(skew) < 1000;
    const text = `${isSmall ? "Within 1 s of" : `${Math.round(skew / 1000)} s off`} the control plane's clock`;
    return Math.abs(skew) <= CLOCK_SKEW_LIMIT_MS ? ok(text) : failed(text);
  },
};

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
