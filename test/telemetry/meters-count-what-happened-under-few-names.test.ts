import { expect, it } from "vitest";
import { prometheusMeters } from "../../agent/adapters/telemetry/prometheus-meters.ts";
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
  progress: [],
};

async function shown(meters: ReturnType<typeof prometheusMeters>): Promise<readonly string[]> {
  return (await meters.registry.metrics()).split("\n");
}

it("shows the gateway's counters as they are, through a restart of either process", async () => {
  const all = prometheusMeters();
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
    ]),
  );
  all.meters.gatewayLost();
  all.meters.gateway({ ...STATS, accepted: 1 });
  expect(await shown(all)).toContain("builder_agent_gateway_sessions_accepted_total 1");
});

it("shows a lost gateway as down, with nobody connected", async () => {
  const all = prometheusMeters();
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
  const all = prometheusMeters();
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
  const all = prometheusMeters();
  all.meters.planeAttached(true);
  all.meters.planeCallFailed("Register", "UNAVAILABLE");
  all.meters.messageRefused("desired-state");
  all.meters.buildkitExited("signal");
  all.meters.renewalFailed();
  all.meters.unknownFields(3);
  expect(await shown(all)).toEqual(
    expect.arrayContaining([
      "builder_agent_control_plane_attached 1",
      'builder_agent_control_plane_call_failures_total{call="Register",status="UNAVAILABLE"} 1',
      'builder_agent_messages_refused_total{kind="desired-state"} 1',
      'builder_agent_buildkit_exits_total{kind="signal"} 1',
      "builder_agent_certificate_renewal_failures_total 1",
      "builder_agent_control_plane_unknown_fields_total 3",
    ]),
  );
});

it("keeps the number of series bounded though labels are made up without end", async () => {
  const all = prometheusMeters();
  for (let at = 0; at < 1_000; at += 1) all.meters.messageRefused(`kind-${at}`);
  const lines = (await shown(all)).filter((line) => line.startsWith("builder_agent_messages_refused_total{"));
  expect(lines).toHaveLength(65);
  expect(lines).toContain('builder_agent_messages_refused_total{kind="other"} 936');
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
  const all = prometheusMeters();
  all.meters.gateway(STATS);
  all.meters.sessionClosed("client-closed", 1, 1, 1);
  return all.registry.metrics();
}
