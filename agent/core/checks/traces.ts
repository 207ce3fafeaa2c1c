import { rfc3339 } from "../moment.ts";
import { type Check, failed, ok, unknown } from "./check.ts";

export const traces: Check = {
  name: "traces",
  title: "Traces",
  blocking: false,
  dependsOn: ["control-plane"],
  remedy: "telemetry.otlpEndpoint, .caFile and .headersFile have to fit a receiver that can be reached from here",
  evidence({ traces: view }) {
    if (view.at !== "sending") return [`sending spans: ${view.at}`];
    const { to, lastAcceptedMs, failing } = view;
    return [
      `endpoint ${to}`,
      lastAcceptedMs === undefined ? "nothing accepted so far" : `last accepted at ${rfc3339(lastAcceptedMs)}`,
      ...(failing === undefined ? [] : [`the last export: ${failing}`]),
    ];
  },
  look({ traces: view }) {
    switch (view.at) {
      case "waiting":
        return unknown("The control plane has not said yet whether spans are sent");
      case "off":
        return ok(`No spans are sent: ${view.because}`);
      case "refused":
        return failed(`No spans are sent, the control plane's order is not followed: ${view.because}`, {
          remedy: "Mend trace_export in the control plane, or set telemetry.otlpEndpoint on this machine",
        });
      case "sending":
        break;
      default:
        return view satisfies never;
    }
    const { to, lastAcceptedMs, failing } = view;
    const last = lastAcceptedMs === undefined ? "none so far" : `the last at ${rfc3339(lastAcceptedMs)}`;
    if (failing !== undefined) return failed(`${to} does not accept spans, ${last}: ${failing}`);
    if (lastAcceptedMs === undefined) return unknown(`Nothing was sent to ${to} yet`);
    return ok(`${to} accepts spans, ${last}`);
  },
};
