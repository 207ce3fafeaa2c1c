import { Counter, Gauge, type Registry } from "prom-client";
import { SPAN_LOSSES } from "../../core/traces/view.ts";
import type { TraceMeters } from "../../ports/meters.ts";
import { KnownCounter } from "./known-counter.ts";

export function traceInstruments(registry: Registry): TraceMeters {
  const registers = [registry];
  const exported = new Counter({
    name: "builder_agent_spans_exported_total",
    help: "Spans that the endpoint for traces has accepted.",
    registers,
  });
  const dropped = new KnownCounter(registry, {
    name: "builder_agent_spans_dropped_total",
    help: "Spans that were lost: too many waited, the endpoint did not accept them, or it rejected some of a batch.",
    label: "reason",
    known: SPAN_LOSSES,
  });
  const accepted = new Gauge({
    name: "builder_agent_spans_last_accepted_timestamp_seconds",
    help: "When an export of spans was last accepted, Unix time; 0: not since control started.",
    registers,
  });
  return {
    spansExported: (count, atMs) => {
      exported.inc(count);
      accepted.set(atMs / 1000);
    },
    spansDropped: (because, count) => dropped.inc(because, count),
  };
}
