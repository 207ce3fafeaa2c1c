import { Counter, Gauge, type Registry } from "prom-client";
import { KNOWN_METHODS } from "../../core/calls.ts";
import { TURNED_AWAY } from "../../core/turned-away.ts";
import type { GatewayStats } from "../../ports/gateway.ts";
import { KnownCounter } from "./known-counter.ts";

/**
 * The gateway's own figures. Its counters count from its start and are passed on as they are:
 * Prometheus sees the gateway's restart as the reset that it is, and a restart of `control` loses
 * nothing.
 */
export function gatewayInstruments(registry: Registry): {
  show(stats: GatewayStats): void;
  lost(): void;
} {
  const registers = [registry];
  const prefix = "builder_agent_gateway";
  const gauge = (name: string, help: string): Gauge => new Gauge({ name: `${prefix}_${name}`, help, registers });
  const up = gauge("up", "1 while the gateway's process is connected to control.");
  const listening = gauge("listening", "1 while the gateway accepts connections.");
  const pending = gauge("pending_handshakes", "Connections whose TLS handshake is under way.");
  const open = gauge("open_sessions", "Sessions that are open now.");
  const memory = gauge("resident_memory_bytes", "Resident memory of the gateway's process.");
  const delay = gauge(
    "event_loop_delay_p99_seconds",
    "99th percentile of the gateway's event loop delay, last interval.",
  );
  const accepted = new Counter({
    name: `${prefix}_sessions_accepted_total`,
    help: "Sessions let in since the gateway started.",
    registers,
  });
  const refused = new KnownCounter(registry, {
    name: `${prefix}_connections_refused_total`,
    help: "Connections refused since the gateway started, by reason.",
    label: "reason",
    known: TURNED_AWAY,
  });
  const refusedCalls = new KnownCounter(registry, {
    name: `${prefix}_calls_refused_total`,
    help: "Calls of BuildKit that a build might not make, since the gateway started, by method.",
    label: "method",
    known: [...KNOWN_METHODS, "unknown"],
  });
  const spliced = new KnownCounter(registry, {
    name: `${prefix}_spliced_bytes_total`,
    help: "Plain bytes inside TLS since the gateway started, by direction.",
    label: "direction",
    known: ["from-client", "to-client"],
  });
  const recordsDropped = new Counter({
    name: `${prefix}_records_dropped_total`,
    help: "Records of closed sessions that the gateway had to drop since it started: control did not take them for too long.",
    registers,
  });
  const logLinesDropped = new Counter({
    name: `${prefix}_log_lines_dropped_total`,
    help: "Lines of the gateway's log that were dropped because nobody took them, since it started.",
    registers,
  });
  const copiedSessions = new Counter({
    name: `${prefix}_sessions_copied_total`,
    help: "Sessions since the gateway started whose client's bytes were copied once more: its Node gives it no buffers of its own to read into.",
    registers,
  });
  const linkFaults = new Counter({
    name: `${prefix}_link_faults_total`,
    help: "Connections from control that the gateway dropped for what came over them, since it started.",
    registers,
  });

  return {
    show(stats) {
      up.set(1);
      listening.set(stats.listening ? 1 : 0);
      pending.set(stats.pendingHandshakes);
      open.set(stats.openSessions);
      memory.set(stats.residentBytes);
      delay.set(stats.eventLoopDelayP99Ms / 1000);
      accepted.reset();
      accepted.inc(stats.accepted);
      recordsDropped.reset();
      recordsDropped.inc(stats.recordsDropped);
      linkFaults.reset();
      linkFaults.inc(stats.linkFaults);
      logLinesDropped.reset();
      logLinesDropped.inc(stats.logLinesDropped);
      copiedSessions.reset();
      copiedSessions.inc(stats.copiedSessions);
      refused.show(stats.refused);
      refusedCalls.show(stats.refusedCalls);
      spliced.show({ "from-client": stats.bytesFromClients, "to-client": stats.bytesToClients });
    },
    lost() {
      for (const now of [up, listening, pending, open, memory, delay]) now.set(0);
    },
  };
}
