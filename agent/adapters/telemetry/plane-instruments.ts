import { Counter, Gauge, type Registry } from "prom-client";
import { MESSAGE_KINDS, PLANE_CALLS, PLANE_STATUSES } from "../../core/counted.ts";
import type { Meters, PlaneMeters } from "../../ports/meters.ts";
import { boundedLabel } from "./bounded-label.ts";
import { KnownCounter } from "./known-counter.ts";

/** What there is to tell of the control plane, and of what it gave this machine. */
export function planeInstruments(
  registry: Registry,
): PlaneMeters &
  Pick<Meters, "planeAttached" | "planeCallFailed" | "clockOffset" | "messageRefused" | "renewalFailed"> {
  const registers = [registry];
  const prefix = "builder_agent_control_plane";
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  const attached = gauge(`${prefix}_attached`, "1 while the stream to the control plane is open.");
  const offset = gauge(
    "builder_agent_clock_offset_seconds",
    "This machine's clock minus the control plane's; absent while that is not known.",
  );
  offset.remove();
  const calls = new Counter({
    name: `${prefix}_call_failures_total`,
    help: "Calls to the control plane that failed, by call and gRPC status.",
    labelNames: ["call", "status"],
    registers,
  });
  for (const call of PLANE_CALLS) for (const status of PLANE_STATUSES) calls.inc({ call, status }, 0);
  const statusLabel = boundedLabel(PLANE_STATUSES);
  const unknown = new Counter({
    name: `${prefix}_unknown_fields_total`,
    help: "Fields in messages of a newer control plane that this agent does not know, and has ignored.",
    registers,
  });
  const messages = new KnownCounter(registry, {
    name: "builder_agent_messages_refused_total",
    help: "Messages that were refused whole because they break the contract, by kind.",
    label: "kind",
    known: MESSAGE_KINDS,
  });
  const renewals = new Counter({
    name: "builder_agent_certificate_renewal_failures_total",
    help: "Attempts to renew a certificate that failed.",
    registers,
  });
  return {
    planeAttached: (is) => attached.set(is ? 1 : 0),
    planeCallFailed: (call, status) => calls.inc({ call, status: statusLabel(status) }),
    clockOffset: (ms) => (ms === undefined ? offset.remove() : offset.set(ms / 1000)),
    messageRefused: (kind) => messages.inc(kind),
    unknownFields: (count) => unknown.inc(count),
    renewalFailed: () => renewals.inc(),
  };
}
