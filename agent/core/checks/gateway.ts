import { rfc3339 } from "../moment.ts";
import { planeNowMs } from "../plane-time.ts";
import { sessionsOpen } from "../size-words.ts";
import type { CertificatesView, GatewaysBeside, GatewayView } from "../views.ts";
import { type Check, failed, ok, unknown } from "./check.ts";
import { overdue, type Renewable, renewalChangesInMs, renewalFacts } from "./renewals.ts";

export const gateway: Check = {
  name: "gateway",
  title: "Gateway",
  blocking: true,
  knownBy: ["serving-certificate"],
  remedy: "Look at the log of builder-agent-gateway.service; it starts again by itself",
  evidence: ({ gateway: view }) =>
    view.at === "away"
      ? [view.runId === "" ? "its process was not seen yet" : `its process ${view.runId} is out of sight`]
      : [
          `process ${view.runId}, ${view.listening ? "listening" : "not listening"}, ${sessionsOpen(view.open.size)}`,
          view.applied === undefined ? "no orders in force" : `revision ${view.applied.revision} in force`,
          ...(view.next === undefined ? [] : [`process ${view.next.runId} is about to take its place`]),
          ...(view.beside === undefined || view.beside.runIds.length === 0 ? [] : [finishing(view.beside)]),
        ],
  look({ gateway: view }) {
    if (view.at === "away") return failed("The gateway's process does not answer on its socket");
    if (view.servingNotAfterMs === undefined) return unknown("Answers; it listens once it has a serving certificate");
    if (!view.listening) return failed("The gateway does not listen yet");
    const due = view.isOutdated === true ? "; its unit starts anew for the installed release once nothing is open" : "";
    return ok(`Listening, ${sessionsOpen(view.open.size)}${due}`);
  },
};

export const servingCertificate: Check = {
  name: "serving-certificate",
  title: "Serving certificate",
  blocking: true,
  dependsOn: ["machine-certificate"],
  knownBy: ["gateway"],
  remedy: "The control plane has to issue one; it is asked again by itself, and by builder-agent reconnect at once",
  evidence({ gateway: view, certificates }) {
    if (view.at === "away") return ["the gateway is out of sight"];
    const one = served(view, certificates);
    return one === undefined ? ["no certificate"] : renewalFacts(one, certificates);
  },
  look({ gateway: view, certificates, plane }, now) {
    if (view.at === "away") return unknown("The gateway does not answer, so its certificate is not known");
    const one = served(view, certificates);
    const { lastRenewalError } = certificates;
    const why = lastRenewalError === "" ? "" : `: ${lastRenewalError}`;
    if (one === undefined) return failed(`The gateway has no serving certificate yet${why}`);
    const planeMs = planeNowMs(plane.time, now);
    if (one.notAfterMs <= planeMs)
      return failed(`Expired at ${rfc3339(one.notAfterMs)}: the control plane did not renew it${why}`, {
        // No client takes it, so that a build sent here gets nowhere. By one of two clocks that
        // disagree nobody knows that.
        ...(one.notAfterMs <= now.wallMs && { neededByBuilds: true }),
      });
    return overdue(one, certificates, planeMs) ?? ok(`Valid until ${rfc3339(one.notAfterMs)}`);
  },
  changesInMs({ gateway: view, certificates, plane }, now) {
    const one = served(view, certificates);
    return one && renewalChangesInMs(one, planeNowMs(plane.time, now));
  },
};

export const machineCertificate: Check = {
  name: "machine-certificate",
  title: "Machine certificate",
  blocking: true,
  remedy: "The machine registers again by itself; see what the control plane answers",
  evidence({ certificates, plane: { lastFailure } }) {
    const one = own(certificates);
    return one === undefined
      ? ["no certificate", `last failure: ${lastFailure || "none"}`]
      : renewalFacts(one, certificates);
  },
  look({ certificates, plane }, now) {
    const { lastRenewalError } = certificates;
    const one = own(certificates);
    if (one === undefined) {
      const why = plane.lastFailure === "" ? "" : `: ${plane.lastFailure}`;
      return failed(`Not registered with the control plane yet${why}`);
    }
    const planeMs = planeNowMs(plane.time, now);
    if (one.notAfterMs <= planeMs)
      return failed(
        `Expired at ${rfc3339(one.notAfterMs)}${lastRenewalError === "" ? "" : `; last error: ${lastRenewalError}`}`,
      );
    const trouble = lastRenewalError === "" ? "" : `; the last renewal failed: ${lastRenewalError}`;
    return overdue(one, certificates, planeMs) ?? ok(`Valid until ${rfc3339(one.notAfterMs)}${trouble}`);
  },
  changesInMs({ certificates, plane }, now) {
    const one = own(certificates);
    return one && renewalChangesInMs(one, planeNowMs(plane.time, now));
  },
};

function finishing({ runIds, open, isWhole }: GatewaysBeside): string {
  const sight = isWhole ? "" : ", out of sight";
  return `replaced, and finishing: ${runIds.join(", ")}, ${sessionsOpen(open.size)}${sight}`;
}

function served(view: GatewayView, { servingRenewAtMs: renewAtMs }: CertificatesView): Renewable | undefined {
  if (view.at === "away" || view.servingNotAfterMs === undefined) return undefined;
  return { notAfterMs: view.servingNotAfterMs, renewAtMs };
}

function own({ machineNotAfterMs: notAfterMs, machineRenewAtMs: renewAtMs }: CertificatesView): Renewable | undefined {
  return notAfterMs === undefined ? undefined : { notAfterMs, renewAtMs };
}
