import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Meters, PlaneMeters } from "../../ports/meters.ts";
import { boundedLabel } from "./bounded-label.ts";
import { gatewayInstruments } from "./gateway-instruments.ts";
import { sessionInstruments } from "./session-instruments.ts";

/** Defaults that break Prometheus' naming rules (a gauge in `_total`); others say the same. */
const MISNAMED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

/**
 * Defaults that take a timer of their own, 100 times a second: that was most of what an idle
 * control took of a core. They would tell of the timer's period, too. What is left says how late
 * the loop is when somebody asks ("nodejs_eventloop_lag_seconds").
 */
const SAMPLED = ["min", "max", "mean", "stddev", "p50", "p90", "p99"].map((of) => `nodejs_eventloop_lag_${of}_seconds`);
const SAMPLED_EVERY_MS = 24 * 3_600_000;

/**
 * The agent's instruments and the registry that `/metrics` shows: the process's own figures are in
 * it.
 */
export function prometheusMeters(): { readonly meters: Meters & PlaneMeters; readonly registry: Registry } {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: SAMPLED_EVERY_MS });
  for (const name of [...MISNAMED, ...SAMPLED]) registry.removeSingleMetric(name);

  const gateway = gatewayInstruments(registry);
  const attached = new Gauge({
    name: "builder_agent_control_plane_attached",
    help: "1 while the stream to the control plane is open.",
    registers: [registry],
  });
  const counted = counters(registry);
  return {
    registry,
    meters: {
      gateway: (stats) => gateway.show(stats),
      gatewayLost: () => gateway.lost(),
      sessionClosed: sessionInstruments(registry),
      planeAttached: (is) => attached.set(is ? 1 : 0),
      ...counted,
    },
  };
}

function counters(
  registry: Registry,
): Pick<Meters, "planeCallFailed" | "messageRefused" | "buildkitExited" | "cachePruned" | "renewalFailed"> &
  PlaneMeters {
  const registers = [registry];
  const calls = new Counter({
    name: "builder_agent_control_plane_call_failures_total",
    help: "Calls to the control plane that failed, by call and gRPC status.",
    labelNames: ["call", "status"],
    registers,
  });
  const messages = new Counter({
    name: "builder_agent_messages_refused_total",
    help: "Messages that were refused whole because they break the contract, by kind.",
    labelNames: ["kind"],
    registers,
  });
  const unknown = new Counter({
    name: "builder_agent_control_plane_unknown_fields_total",
    help: "Fields in messages of a newer control plane that this agent does not know, and has ignored.",
    registers,
  });
  const exits = new Counter({
    name: "builder_agent_buildkit_exits_total",
    help: "Ends of buildkitd's process, by kind.",
    labelNames: ["kind"],
    registers,
  });
  const prunes = new Counter({
    name: "builder_agent_cache_prunes_total",
    help: "Prunes of the cache because its disk ran low, by what came of them.",
    labelNames: ["outcome"],
    registers,
  });
  const pruned = new Counter({
    name: "builder_agent_cache_pruned_bytes_total",
    help: "What those prunes have freed, as BuildKit counts it.",
    registers,
  });
  const renewals = new Counter({
    name: "builder_agent_certificate_renewal_failures_total",
    help: "Attempts to renew a certificate that failed.",
    registers,
  });
  const [call, status, message, exit] = [boundedLabel(), boundedLabel(), boundedLabel(), boundedLabel()];
  const prune = boundedLabel();
  return {
    planeCallFailed: (name, code) => calls.inc({ call: call(name), status: status(code) }),
    messageRefused: (kind) => messages.inc({ kind: message(kind) }),
    unknownFields: (count) => unknown.inc(count),
    buildkitExited: (kind) => exits.inc({ kind: exit(kind) }),
    cachePruned: (outcome, freedBytes) => {
      prunes.inc({ outcome: prune(outcome) });
      pruned.inc(freedBytes);
    },
    renewalFailed: () => renewals.inc(),
  };
}
