import { rfc3339 } from "../moment.ts";
import { planeNowMs } from "../plane-time.ts";
import { sessionsOpen } from "../size-words.ts";
import { type Check, failed, ok, unknown } from "./check.ts";

export const gateway: Check = {
  name: "gateway",
  title: "Gateway",
  blocking: true,
  remedy: "Look at the log of builder-agent-gateway.service; it starts again by itself",
  look({ gateway: view }) {
    if (view.at === "away") return failed("The gateway's process does not answer on its socket");
    // It does not listen for want of one: `serving-certificate` is the cause.
    if (view.servingNotAfterMs === undefined) return ok("Answers; it listens once it has a serving certificate");
    if (!view.listening) return failed("The gateway does not listen yet");
    return ok(`Listening, ${sessionsOpen(view.open.size)}`);
  },
};

export const servingCertificate: Check = {
  name: "serving-certificate",
  title: "Serving certificate",
  blocking: true,
  dependsOn: ["gateway", "machine-certificate"],
  remedy: "The control plane has to issue one; it is asked again by itself, and by builder-agent reconnect at once",
  look({ gateway: view, plane, certificates: { lastRenewalError } }, now) {
    if (view.at === "away") return unknown("The gateway does not answer, so its certificate is not known");
    const until = view.servingNotAfterMs;
    const why = lastRenewalError === "" ? "" : `: ${lastRenewalError}`;
    if (until === undefined) return failed(`The gateway has no serving certificate yet${why}`);
    if (until <= planeNowMs(plane.time, now))
      return failed(`Expired at ${rfc3339(until)}: the control plane did not renew it${why}`);
    return ok(`Valid until ${rfc3339(until)}`);
  },
  changesInMs: ({ gateway: view, plane }, now) =>
    view.at === "here" && view.servingNotAfterMs !== undefined
      ? view.servingNotAfterMs - planeNowMs(plane.time, now)
      : undefined,
};

export const machineCertificate: Check = {
  name: "machine-certificate",
  title: "Machine certificate",
  blocking: true,
  remedy: "The machine registers again by itself; see what the control plane answers",
  look({ certificates, plane }, now) {
    const { machineNotAfterMs: until, lastRenewalError } = certificates;
    if (until === undefined) {
      const why = plane.lastFailure === "" ? "" : `: ${plane.lastFailure}`;
      return failed(`Not registered with the control plane yet${why}`);
    }
    if (until <= planeNowMs(plane.time, now))
      return failed(
        `Expired at ${rfc3339(until)}${lastRenewalError === "" ? "" : `; last error: ${lastRenewalError}`}`,
      );
    const trouble = lastRenewalError === "" ? "" : `; the last renewal failed: ${lastRenewalError}`;
    return ok(`Valid until ${rfc3339(until)}${trouble}`);
  },
  changesInMs: ({ certificates: { machineNotAfterMs }, plane }, now) =>
    machineNotAfterMs && machineNotAfterMs - planeNowMs(plane.time, now),
};
