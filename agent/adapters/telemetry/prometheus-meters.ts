import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { HISTORY_REASONS } from "../../core/build-history.ts";
import { WATCHED_PROCESSES } from "../../core/counted.ts";
import { PRUNE_OUTCOMES } from "../../core/disk-relief.ts";
import { STEP_OUTCOMES } from "../../core/step-trial.ts";
import { EXIT_KINDS } from "../../core/unit-exit.ts";
import type { Meters, PlaneMeters, TraceMeters } from "../../ports/meters.ts";
import { gatewayInstruments } from "./gateway-instruments.ts";
import { KnownCounter } from "./known-counter.ts";
import { planeInstruments } from "./plane-instruments.ts";
import { sessionInstruments } from "./session-instruments.ts";
import { traceInstruments } from "./trace-instruments.ts";

/** Defaults that break Prometheus' naming rules (a gauge in `_total`); others say the same. */
const MISNAMED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

/**
 * Defaults that take a timer of their own, 100 times a second: that was most of what an idle
 * control took of a core. They would tell of the timer's period, too. What is left says how late
 * the loop is when somebody asks ("nodejs_eventloop_lag_seconds").
 */
const SAMPLED = ["min", "max", "mean", "stddev", "p50", "p90", "p99"].map((of) => `nodejs_eventloop_lag_${of}_seconds`);
const SAMPLED_EVERY_MS = 24 * 3_600_000;

export interface AboutThisProcess {
  readonly version: string;
  /** How often `control` was started anew in this boot. */
  readonly controlRestarts: number;
  /** How many log lines of this process found no room so far. */
  readonly droppedLogLines: () => number;
}

/**
 * The agent's instruments and the registry that `/metrics` shows: the process's own figures are in
 * it. Every label value that is known has its series from the start.
 */
export function prometheusMeters(about: AboutThisProcess): {
  readonly meters: Meters & PlaneMeters & TraceMeters;
  readonly registry: Registry;
} {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: SAMPLED_EVERY_MS });
  for (const name of [...MISNAMED, ...SAMPLED]) registry.removeSingleMetric(name);
  showProcess(registry, about);

  const gateway = gatewayInstruments(registry);
  const restarts = new KnownCounter(registry, {
    name: "builder_agent_restarts_total",
    help: "Processes that ended unasked and were started again: control since the boot, others since control started.",
    label: "process",
    known: WATCHED_PROCESSES,
  });
  restarts.inc("control", about.controlRestarts);
  return {
    registry,
    meters: {
      gateway: (stats) => gateway.show(stats),
      gatewayLost: () => gateway.lost(),
      sessionClosed: sessionInstruments(registry),
      restarted: (process) => restarts.inc(process),
      ...planeInstruments(registry),
      ...recordInstruments(registry),
      ...buildkitInstruments(registry),
      ...traceInstruments(registry),
    },
  };
}

function showProcess(registry: Registry, { version, droppedLogLines }: AboutThisProcess): void {
  new Gauge({
    name: "builder_agent_build_info",
    help: "Always 1: which agent this is, and the Node.js that runs it.",
    labelNames: ["version", "node"],
    registers: [registry],
  }).set({ version, node: process.version }, 1);
  const dropped = new Counter({
    name: "builder_agent_log_lines_dropped_total",
    help: "Lines of control's log that were dropped because nobody took them: a full disk, a reader that stalls.",
    registers: [],
    collect() {
      this.reset();
      this.inc(droppedLogLines());
    },
  });
  registry.registerMetric(dropped);
}

function recordInstruments(registry: Registry): Pick<Meters, "records"> {
  const registers = [registry];
  const waiting = new Gauge({
    name: "builder_agent_records_waiting",
    help: "Session records that wait for the control plane's acknowledgement.",
    registers,
  });
  const dropped = new Counter({
    name: "builder_agent_records_dropped_total",
    help: "Session records that were dropped because the journal was full, since the boot.",
    registers,
  });
  return {
    records: (counts) => {
      waiting.set(counts.waiting);
      dropped.reset();
      dropped.inc(counts.dropped);
    },
  };
}

function buildkitInstruments(
  registry: Registry,
): Pick<Meters, "buildkitExited" | "stepTried" | "cachePruned" | "historyDeleted"> {
  const exits = new KnownCounter(registry, {
    name: "builder_agent_buildkit_exits_total",
    help: "Ends of buildkitd's process that nobody asked for, by kind.",
    label: "kind",
    known: EXIT_KINDS,
  });
  const prunes = new KnownCounter(registry, {
    name: "builder_agent_cache_prunes_total",
    help: "Prunes of the cache because its disk ran low, by what came of them.",
    label: "outcome",
    known: PRUNE_OUTCOMES,
  });
  const pruned = new Counter({
    name: "builder_agent_cache_pruned_bytes_total",
    help: "What those prunes have freed, as BuildKit counts it.",
    registers: [registry],
  });
  const history = new KnownCounter(registry, {
    name: "builder_agent_buildkit_history_deleted_total",
    help: "BuildKit's records of ended builds that were deleted, by why: their age, or a disk that pruning did not relieve.",
    label: "because",
    known: HISTORY_REASONS,
  });
  const steps = new KnownCounter(registry, {
    name: "builder_agent_buildkit_steps_tried_total",
    help: "Tiny steps of our own that BuildKit was asked to run, by what came of them. No builds.",
    label: "outcome",
    known: STEP_OUTCOMES,
  });
  return {
    buildkitExited: (kind) => exits.inc(kind),
    stepTried: (outcome, tookMs) => {
      steps.inc(outcome);
      if (tookMs !== undefined) stepSeconds(registry).set(tookMs / 1_000);
    },
    cachePruned: (outcome, freedBytes) => {
      prunes.inc(outcome);
      pruned.inc(freedBytes);
    },
    historyDeleted: (because, records) => history.inc(because, records),
  };
}

/** Not there before one ran. */
function stepSeconds(registry: Registry): Gauge {
  const name = "builder_agent_buildkit_step_seconds";
  const known = registry.getSingleMetric(name);
  if (known instanceof Gauge) return known;
  return new Gauge({ name, help: "How long the last of those steps took that ran.", registers: [registry] });
}
