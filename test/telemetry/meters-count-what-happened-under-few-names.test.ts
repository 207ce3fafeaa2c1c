import { expect, it } from "vitest";
import { prometheusMeters } from "../../agent/adapters/telemetry/prometheus-meters.ts";
import { HISTORY_REASONS } from "../../agent/core/build-history.ts";
import { KNOWN_METHODS } from "../../agent/core/calls.ts";
import { MESSAGE_KINDS, PLANE_CALLS, PLANE_STATUSES, WATCHED_PROCESSES } from "../../agent/core/counted.ts";
import { PRUNE_OUTCOMES } from "../../agent/core/disk-relief.ts";
import { SESSION_ENDINGS } from "../../agent/core/session.ts";
import { TURNED_AWAY } from "../../agent/core/turned-away.ts";
import { EXIT_KINDS } from "../../agent/core/unit-exit.ts";
import type { GatewayStats } from "../../agent/ports/gateway.ts";
import { nameFindings, promtoolFindings } from "./promtool.ts";

const STATS: GatewayStats = {
  listening: true,
  refusedCalls: {},
  accepted: 7,
  refused: { "no-grant": 2, "certificate-expired": 1 },
  pendingHandshakes: 3,
  openSessions: 4,
  bytesFromClients: 1_000,
  bytesToClients: 2_000,
  residentBytes: 50_000_000,
  eventLoopDelayP99Ms: 12.5,
  recordsDropped: 5,
  linkFaults: 6,
  logLinesDropped: 7,
  copiedSessions: 8,
  progress: [],
};

const ABOUT = { version: "1.2.3", controlRestarts: 2, droppedLogLines: () => 4 };

async function shown(meters: ReturnType<typeof prometheusMeters>): Promise<readonly string[]> {
  return (await meters.registry.metrics()).split("\n");
}

it("shows the gateway's counters as they are, through a restart of either process", async () => {
  const all = prometheusMeters(ABOUT);
  all.meters.gateway(STATS);
  all.meters.gateway({ ...STATS, accepted: 9, refused: { "no-grant": 3 } });
  expect(await shown(all)).toEqual(
    expect.arrayContaining([
      "builder_agent_gateway_up 1",
      "builder_agent_gateway_sessions_accepted_total 9",
      'builder_agent_gateway_connections_refused_total{reason="no-grant"} 3',
      'builder_agent_gateway_spliced_bytes_total{direction="from-client"} 1000',
      'builder_agent_gateway_spliced_bytes_total{direction="to-client"} 2000',
      "builder_agent_gateway_event_loop_delay_p99_seconds 0.0125",
      "builder_agent_gateway_open_sessions 4",
      "builder_agent_gateway_records_dropped_total 5",
      "builder_agent_gateway_link_faults_total 6",
      "builder_agent_gateway_sessions_copied_total 8",
      "builder_agent_gateway_log_lines_dropped_total 7",
    ]),
  );
  all.meters.gatewayLost();
  all.meters.gateway({ ...STATS, accepted: 1 });
  expect(await shown(all)).toContain("builder_agent_gateway_sessions_accepted_total 1");
});

it("shows a lost gateway as down, with nobody connected", async () => {
  const all = prometheusMeters(ABOUT);
  all.meters.gateway(STATS);
  all.meters.gatewayLost();
  expect(await shown(all)).toEqual(
    expect.arrayContaining([
      "builder_agent_gateway_up 0",
      "builder_agent_gateway_listening 0",
      "builder_agent_gateway_open_sessions 0",
    ]),
  );
});

it("counts sessions by their ending, and how long and how large they were", async () => {
  const all = prometheusMeters(ABOUT);
  all.meters.sessionClosed("client-closed", 61_000, 5_000, 300_000_000);
  all.meters.sessionClosed("build-revoked", 200, 0, 0);
  expect(await shown(all)).toEqual(
    expect.arrayContaining([
      'builder_agent_sessions_closed_total{ending="client-closed"} 1',
      'builder_agent_sessions_closed_total{ending="build-revoked"} 1',
      'builder_agent_session_duration_seconds_bucket{le="60"} 1',
      'builder_agent_session_duration_seconds_bucket{le="300"} 2',
      "builder_agent_session_duration_seconds_sum 61.2",
      'builder_agent_session_size_bytes_sum{direction="to-client"} 300000000',
    ]),
  );
});

it("counts what went wrong", async () => {
  const all = prometheusMeters(ABOUT);
  all.meters.planeAttached(true);
  all.meters.planeCallFailed("Register", "UNAVAILABLE");
  all.meters.messageRefused("desired-state");
  all.meters.buildkitExited("killed");
  all.meters.renewalFailed();
  all.meters.unknownFields(3);
  expect(await shown(all)).toEqual(
    expect.arrayContaining([
      "builder_agent_control_plane_attached 1",
      'builder_agent_control_plane_call_failures_total{call="Register",status="UNAVAILABLE"} 1',
      'builder_agent_messages_refused_total{kind="desired-state"} 1',
      'builder_agent_buildkit_exits_total{kind="killed"} 1',
      "builder_agent_certificate_renewal_failures_total 1",
      "builder_agent_control_plane_unknown_fields_total 3",
    ]),
  );
});

it("keeps the number of series bounded though labels are made up without end", async () => {
  const all = prometheusMeters(ABOUT);
  const before = (await shown(all)).length;
  const names = Array.from({ length: 1_000 }, (_, at) => `made-up-${at}`);
  for (const name of names) all.meters.planeCallFailed("Attach", name);
  all.meters.gateway({ ...STATS, refused: Object.fromEntries(names.map((name) => [name, 1])) });
  const lines = await shown(all);
  expect(lines.length - before).toBeLessThan(100);
  expect(lines).toContain('builder_agent_control_plane_call_failures_total{call="Attach",status="other"} 952');
  expect(lines).toContain('builder_agent_gateway_connections_refused_total{reason="other"} 971');
});

it.each([
  { family: "gateway_connections_refused_total", label: "reason", known: TURNED_AWAY },
  { family: "gateway_calls_refused_total", label: "method", known: [...KNOWN_METHODS, "unknown"] },
  { family: "gateway_spliced_bytes_total", label: "direction", known: ["from-client", "to-client"] },
  { family: "sessions_closed_total", label: "ending", known: SESSION_ENDINGS },
  { family: "buildkit_exits_total", label: "kind", known: EXIT_KINDS },
  { family: "cache_prunes_total", label: "outcome", known: PRUNE_OUTCOMES },
  { family: "buildkit_history_deleted_total", label: "because", known: HISTORY_REASONS },
  { family: "messages_refused_total", label: "kind", known: MESSAGE_KINDS },
  { family: "restarts_total", label: "process", known: WATCHED_PROCESSES },
])("$family has each $label from the start, so that its first increase is seen", async ({ family, label, known }) => {
  const all = prometheusMeters({ ...ABOUT, controlRestarts: 0 });
  const series = known.map((value) => `builder_agent_${family}{${label}="${value}"} 0`);
  expect(await shown(all)).toEqual(expect.arrayContaining(series));
  all.meters.gateway({ ...STATS, refused: {}, refusedCalls: {}, bytesFromClients: 0, bytesToClients: 0 });
  expect(await shown(all)).toEqual(expect.arrayContaining(series));
});

it("has each status of each call to the control plane from the start", async () => {
  const lines = await shown(prometheusMeters(ABOUT));
  for (const call of PLANE_CALLS)
    for (const status of PLANE_STATUSES)
      expect(lines).toContain(`builder_agent_control_plane_call_failures_total{call="${call}",status="${status}"} 0`);
});

it("counts restarts by process, and says which agent this is", async () => {
  const all = prometheusMeters(ABOUT);
  all.meters.restarted("buildkitd");
  all.meters.restarted("gateway");
  expect(await shown(all)).toEqual(
    expect.arrayContaining([
      'builder_agent_restarts_total{process="buildkitd"} 1',
      'builder_agent_restarts_total{process="control"} 2',
      'builder_agent_restarts_total{process="gateway"} 1',
      'builder_agent_restarts_total{process="tailscaled"} 0',
      `builder_agent_build_info{version="1.2.3",node="${process.version}"} 1`,
    ]),
  );
});

it("tells what waits for the control plane, and what was lost", async () => {
  const all = prometheusMeters(ABOUT);
  all.meters.records({ waiting: 7, dropped: 2 });
  expect(await shown(all)).toEqual(
    expect.arrayContaining([
      "builder_agent_records_waiting 7",
      "builder_agent_records_dropped_total 2",
      "builder_agent_log_lines_dropped_total 4",
    ]),
  );
});

it("has no clock offset while none is known, and not one of before", async () => {
  const all = prometheusMeters(ABOUT);
  const offset = async () => (await shown(all)).filter((line) => line.startsWith("builder_agent_clock_offset_seconds"));
  expect(await offset()).toEqual([]);
  all.meters.clockOffset(-2_500);
  expect(await offset()).toEqual(["builder_agent_clock_offset_seconds -2.5"]);
  all.meters.clockOffset(undefined);
  expect(await offset()).toEqual([]);
});

it("names everything as Prometheus wants it, the process's own figures among it", async () => {
  const exposition = await everything();
  expect(exposition).toContain("process_resident_memory_bytes ");
  expect(nameFindings(exposition)).toEqual([]);
});

it("is found good by promtool", async () => {
  expect(promtoolFindings(await everything())).toBe("");
});

function everything(): Promise<string> {
  const all = prometheusMeters(ABOUT);
  all.meters.gateway(STATS);
  all.meters.sessionClosed("client-closed", 1, 1, 1);
  return all.registry.metrics();
}
