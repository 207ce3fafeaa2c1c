import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { PAGE_STYLE } from "../../agent/adapters/health/page-style.ts";
import { CHECKS } from "../../agent/core/checks/register.ts";
import { NOTHING_OBSERVED } from "../../agent/core/observed-state.ts";
import { statusReport } from "../../agent/core/status-report.ts";
import { nameFindings, promtoolFindings } from "../telemetry/promtool.ts";
import { asked, serving } from "./serving.ts";
import { check, DEGRADED, DRAINING, NOW_MS, READY } from "./states.ts";

it("tells the whole state as JSON, exact beyond what JSON's numbers hold", async () => {
  await using health = await serving({ ...READY, refused: { revision: 2n ** 63n, because: "another assignment" } });
  const { status, body } = await asked(health, "/status");
  expect(status).toBe(200);
  expect(JSON.parse(body)).toEqual({
    schemaVersion: 1,
    observedAtMs: NOW_MS,
    observedAt: "2026-01-02T03:04:05Z",
    machineId: "m-1",
    ...READY.head.assignment,
    versions: READY.head.versions,
    addresses: READY.head.run?.addresses,
    boot: { id: "boot-1", atMs: NOW_MS - 90_000_000, at: "2026-01-01T02:04:05Z" },
    process: { runId: "run-1", startedAtMs: NOW_MS - 7_300_000, startedAt: "2026-01-02T01:02:25Z" },
    ready: true,
    notReadyBecause: [],
    phase: { at: "ready" },
    appliedRevision: "18446744073709551615",
    appliedEpoch: "e1",
    refused: { revision: "9223372036854775808", because: "another assignment" },
    builds: { "build-1": 3, "build-2": 1 },
    checks: READY.checks.map((one) => ({
      ...one,
      ok: true,
      severity: one.blocking ? "blocking" : "warning",
      since: "2026-01-02T01:02:25Z",
    })),
    troubles: [],
    loops: [],
    resources: READY.resources,
    bootChapters: READY.bootChapters,
    buildkit: READY.buildkit,
    certificates: READY.certificates,
    counters: READY.counters,
  });
});

it("tells whose machine it is, and nothing of the bytes that sign debug grants", () => {
  const { head } = READY;
  const assignment = head.assignment && { ...head.assignment, debugGrantKey: new Uint8Array(44) };
  expect(statusReport({ ...READY, head: { ...head, ...(assignment && { assignment }) } })).toEqual(statusReport(READY));
});

it("tells a state before anything was looked at", async () => {
  await using health = await serving(undefined);
  const { status, body } = await asked(health, "/status");
  expect(status).toBe(200);
  expect(JSON.parse(body)).toMatchObject({ ready: false, phase: { at: "starting" }, checks: [] });
});

it("tells a program and a person which builds are refused, and says nothing while that is not known", async () => {
  const refusedBuilds = [
    { buildId: "b-9", why: { code: "not-ready", check: "disk" }, message: "Full: pruning" },
  ] as const;
  await using health = await serving({ ...READY, refusedBuilds });
  expect(JSON.parse((await asked(health, "/status")).body)).toMatchObject({ refusedBuilds });
  expect((await asked(health, "/")).body).toContain("b-9 is refused: Full: pruning");
  expect(statusReport(READY)).not.toHaveProperty("refusedBuilds");
});

it("survives a build whose id is a property of every object", () => {
  const report = statusReport({ ...READY, builds: new Map([["__proto__", 2]]) });
  expect(JSON.stringify(report)).toContain('"builds":{"__proto__":2}');
});

it.each([
  {
    name: "ready",
    state: READY,
    has: [
      "<title>m-1 · ready · builder-agent<",
      "acme/app",
      "cp.example:443",
      "v24.1.0",
      "2026-01-01 02:04:05 UTC",
      ">ready<",
      "build-1",
      "60.0 GiB",
      "killed by SIGKILL",
      "expired",
    ],
    hasNot: ["Not ready"],
  },
  { name: "degraded", state: DEGRADED, has: ["Not ready for builds", "buildkit: No answer on its socket"], hasNot: [] },
  { name: "draining", state: DRAINING, has: ["draining: the provider takes the machine back"], hasNot: [] },
  { name: "starting", state: undefined, has: ["nothing has been looked at yet"], hasNot: ["<h2>Checks"] },
])("shows a person what is so when $name", async ({ state, has, hasNot }) => {
  await using health = await serving(state);
  const { body } = await asked(health, "/");
  for (const words of has) expect(body).toContain(words);
  for (const words of hasNot) expect(body).not.toContain(words);
});

it("shows markup from elsewhere as text, and lets the page run and load nothing", async () => {
  const hostile = `<script>alert('x')</script>" onmouseover="x`;
  await using health = await serving({
    ...DEGRADED,
    builds: new Map([[hostile, 1]]),
    checks: [check("disk", { state: "failed", message: hostile })],
    buildkit: { version: hostile, restarts: 0, lastExit: hostile, quarantined: "" },
    certificates: { lastRenewalError: hostile },
    refused: { revision: 1n, because: hostile },
    appliedEpoch: hostile,
    phase: { at: "draining", reason: hostile, deadlineWallMs: NOW_MS },
  });
  const response = await fetch(health.url);
  const body = await response.text();
  expect(body).not.toContain("<script");
  expect(body).not.toContain(`" onmouseover`);
  expect(body).toContain("&#60;script&#62;");
  expect(body).not.toMatch(/(?:src|href)="(?!\/)/);
  const policy = response.headers.get("content-security-policy") ?? "";
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; /);
  expect(policy).not.toContain("unsafe");
  const style = /<style>(.*?)<\/style>/s.exec(body)?.[1] ?? "";
  expect(style).toBe(PAGE_STYLE);
});

it("gives no metric a value that nobody looked at: no check is ok, no disk is empty", async () => {
  const registry = new Registry();
  await using health = await serving(undefined, registry);
  const lines = (await asked(health, "/metrics")).body.split("\n");
  for (const { name, blocking } of CHECKS) {
    expect(lines).toContain(`builder_agent_check_ok{check="${name}"} 0`);
    expect(lines).toContain(`builder_agent_check_blocking{check="${name}"} ${blocking ? 1 : 0}`);
  }
  expect(lines).toContain("builder_agent_admission_open 0");
  expect(lines.filter((line) => /^builder_agent_(cache_|memory_|certificate_|boot_)/.test(line))).toEqual([]);
});

it("says in metrics when the control plane was heard and is tried next, as the head of each view does", async () => {
  const registry = new Registry();
  await using health = await serving(READY, registry);
  const told = async () =>
    (await asked(health, "/metrics")).body.match(/^builder_agent_control_plane_(?:last_contact|next_try).*$/gm);
  const named = (heard: number, next: number) => [
    `builder_agent_control_plane_last_contact_timestamp_seconds ${heard}`,
    `builder_agent_control_plane_next_try_timestamp_seconds ${next}`,
  ];
  expect(await told()).toEqual(named(0, 0));
  const contact = { attached: false, lastFailure: "away", lastHeardAtMs: NOW_MS - 500, nextTryAtMs: NOW_MS + 60_000 };
  health.show({ ...READY, head: { ...READY.head, contact } });
  expect(await told()).toEqual(named((NOW_MS - 500) / 1_000, NOW_MS / 1_000 + 60));
  health.show({
    ...READY,
    head: { ...READY.head, contact: { attached: true, lastFailure: "", lastHeardAtMs: NOW_MS } },
  });
  expect(await told()).toEqual(named(NOW_MS / 1_000, 0));
});

it("keeps one series for a check whose gravity changes", async () => {
  const registry = new Registry();
  await using health = await serving(READY, registry);
  health.show({ ...READY, checks: [check("encryption", { state: "failed", blocking: false })] });
  const lines = (await asked(health, "/metrics")).body.split("\n");
  expect(lines.filter((line) => /^builder_agent_check_.*"encryption"/.test(line))).toEqual([
    'builder_agent_check_ok{check="encryption"} 0',
    'builder_agent_check_blocking{check="encryption"} 0',
    'builder_agent_check_explained{check="encryption"} 0',
  ]);
});

it("says in metrics which machine it is: the one that it is now, and none before it knows", async () => {
  const registry = new Registry();
  await using health = await serving({ ...READY, head: NOTHING_OBSERVED.head }, registry);
  const told = async () => (await asked(health, "/metrics")).body.match(/^builder_agent_machine_info.*$/gm);
  expect(await told()).toBeNull();
  for (const machineId of ["m-1", "m-2"]) {
    health.show({ ...READY, head: { ...READY.head, machineId } });
    expect(await told()).toEqual([`builder_agent_machine_info{machine_id="${machineId}"} 1`]);
  }
});

it("says in metrics which failures another one explains, and that the next state has none", async () => {
  const registry = new Registry();
  await using health = await serving(READY, registry);
  const explained = async (state: typeof READY) => {
    health.show(state);
    const lines = (await asked(health, "/metrics")).body.split("\n");
    return lines.filter((line) => /^builder_agent_check_explained\{.*\} 1$/.test(line));
  };
  const checks = [check("gateway"), check("buildkit", { state: "failed", causedBy: "cache-volume" })];
  expect(await explained({ ...READY, checks })).toEqual(['builder_agent_check_explained{check="buildkit"} 1']);
  expect(await explained(READY)).toEqual([]);
});

it("says in metrics that a machine at its end lets nobody in, whatever its checks say", async () => {
  const registry = new Registry();
  await using health = await serving({ ...READY, phase: { at: "stopping", reason: "drained" } }, registry);
  const { body } = await asked(health, "/metrics");
  expect(body).toContain('builder_agent_admission_closed{reason="stopping"} 1');
  expect(body).toContain("builder_agent_admission_open 0");
});

it("gives what it shows as metrics", async () => {
  const registry = new Registry();
  await using health = await serving(READY, registry);
  health.show(DEGRADED);
  const { status, body } = await asked(health, "/metrics");
  expect(status).toBe(200);
  expect(body.split("\n")).toEqual(
    expect.arrayContaining([
      "builder_agent_ready 0",
      'builder_agent_phase{phase="degraded"} 1',
      'builder_agent_phase{phase="ready"} 0',
      'builder_agent_check_ok{check="buildkit"} 0',
      'builder_agent_check_blocking{check="buildkit"} 1',
      'builder_agent_check_ok{check="control-plane"} 0',
      'builder_agent_check_blocking{check="control-plane"} 0',
      "builder_agent_admission_open 0",
      'builder_agent_admission_closed{reason="buildkit"} 1',
      'builder_agent_admission_closed{reason="disk"} 0',
      'builder_agent_boot_chapter_seconds{chapter="ready"} 2.5',
      `builder_agent_certificate_expiry_timestamp_seconds{certificate="machine"} ${(NOW_MS + 3_600_000) / 1000}`,
      "builder_agent_cache_free_bytes 64424509440",
      "builder_agent_cache_inodes 1000",
      "builder_agent_cache_free_inodes 250",
    ]),
  );
  expect(nameFindings(body)).toEqual([]);
  expect(promtoolFindings(body)).toBe("");
});
