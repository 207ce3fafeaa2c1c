import { expect, it } from "vitest";
import type { BootChapter } from "../../agent/core/boot-chapters.ts";
import type { SessionSummary } from "../../agent/core/session.ts";
import { reconciliationTrace, sessionTrace, startTrace } from "../../agent/core/traces/told-as-traces.ts";
import type { WireSpan } from "./decode-spans.ts";
import { OtlpReceiver } from "./otlp-receiver.ts";
import { Stage } from "./stage.ts";

const AT = Date.parse("2026-11-21T12:00:00Z");
const CHAPTERS: readonly BootChapter[] = [
  { name: "register", beganMs: 0, tookMs: 100 },
  { name: "attach", beganMs: 100, tookMs: 20 },
  { name: "cache-volume", beganMs: 120, tookMs: 300 },
  { name: "ready", beganMs: 0, tookMs: 500 },
];
const SESSION: SessionSummary = {
  sessionId: "s-1",
  build: { orgId: "acme", projectId: "shop", buildId: "b-1" },
  peer: "[2001:db8::7]:41234",
  certificateSerial: "01",
  keySpkiSha256: "ab",
  openedAtMs: AT + 1_000,
  durationMs: 250,
  bytesFromClient: 10,
  bytesToClient: 20,
  refusedCalls: 3,
  ending: "client-closed",
  detail: "",
};

it("a start with its chapters, a reconciliation with its tries and a build's sessions arrive as they were", async () => {
  await using receiver = await OtlpReceiver.listen();
  await using stage = new Stage();
  stage.sendTo({ otlpEndpoint: receiver.url });
  const { traces } = stage;
  traces.tell(startTrace(CHAPTERS, { bootId: "boot-1", beganAtMs: AT, endedAtMs: AT + 900 }));
  const tries = [
    { atMs: AT + 10, because: "no device", retryInMs: 500 },
    { atMs: AT + 600, because: "still no device" },
  ];
  const tried = { beganAtMs: AT, endedAtMs: AT + 700, tries, toldBefore: 8 };
  traces.tell(reconciliationTrace("cache", { ...tried, ended: "done" }));
  traces.tell(reconciliationTrace("buildkit", { ...tried, ended: "still-failing", doing: "start" }));
  traces.tell(sessionTrace(SESSION));
  const lost = { sessionId: "s-2", ending: "gateway-lost", detail: "another run" } as const;
  traces.tell(sessionTrace({ ...SESSION, ...lost }));
  const elsewhere = { ...SESSION.build, buildId: "b-2" };
  traces.tell(sessionTrace({ ...SESSION, build: elsewhere, sessionId: "s-3" }));

  const spans = await receiver.untilSpans(4 + 2 + 3);
  expect(spans).toHaveLength(9);
  const named = (name: string): WireSpan => spans.find((span) => span.name === name) ?? never(name);
  const start = named("start");
  expect(start).toMatchObject({ parentId: "", kind: 1, beganAtMs: AT, endedAtMs: AT + 500, links: [] });
  expect(start).toMatchObject({ attributes: { "builder.boot.id": "boot-1" }, status: { code: 0, message: "" } });
  expect(start.traceId).toMatch(/^[0-9a-f]{32}$/);
  for (const { name, beganMs, tookMs } of CHAPTERS.slice(0, 3)) {
    const times = { beganAtMs: AT + beganMs, endedAtMs: AT + beganMs + tookMs };
    expect(named(name)).toMatchObject({ traceId: start.traceId, parentId: start.spanId, links: [], ...times });
  }
  const toStart = { traceId: start.traceId, spanId: start.spanId };
  const cache = named("reconcile cache");
  expect(cache).toMatchObject({ parentId: "", links: [toStart], endedAtMs: AT + 700, status: { code: 0 } });
  expect(cache.attributes).toEqual({
    "builder.loop": "cache",
    "builder.reconciliation.ended": "done",
    "builder.reconciliation.failed_tries": 10,
  });
  expect(cache.events).toEqual([
    { name: "try failed", attributes: { because: "no device", retry_in_ms: 500 } },
    { name: "try failed", attributes: { because: "still no device" } },
  ]);
  const failing = named("reconcile buildkit start");
  expect(failing.status).toEqual({ code: 2, message: "still no device" });
  expect(failing.attributes).toMatchObject({
    "error.type": "not-reconciled",
    "builder.reconciliation.doing": "start",
  });

  const sessions = spans.filter(({ name }) => name === "session");
  const session = (id: string): WireSpan =>
    sessions.find(({ attributes }) => attributes["builder.session.id"] === id) ?? never(id);
  expect(session("s-1")).toMatchObject({ parentId: "", kind: 2, links: [toStart], status: { code: 0, message: "" } });
  expect(session("s-1")).toMatchObject({ beganAtMs: AT + 1_000, endedAtMs: AT + 1_250 });
  expect(session("s-1").attributes).toEqual({
    "builder.build.id": "b-1",
    "builder.org.id": "acme",
    "builder.project.id": "shop",
    "builder.session.id": "s-1",
    "builder.session.ending": "client-closed",
    "builder.session.bytes_from_client": 10,
    "builder.session.bytes_to_client": 20,
    "builder.session.refused_calls": 3,
    "client.address": "2001:db8::7",
    "client.port": 41_234,
  });
  expect(session("s-2").status).toEqual({ code: 2, message: "gateway-lost: another run" });
  expect(session("s-2").attributes["error.type"]).toBe("gateway-lost");
  expect(session("s-2").traceId).toBe(session("s-1").traceId);
  const traceIds = new Set([start, cache, failing, session("s-1"), session("s-3")].map(({ traceId }) => traceId));
  expect(traceIds.size).toBe(5);

  expect(new Set(spans.map(({ scope }) => scope))).toEqual(new Set(["builder-agent"]));
  expect(start.resource).toMatchObject({
    "service.name": "builder-agent",
    "service.version": "1.2.3",
    "service.instance.id": "m-1",
    "os.type": "linux",
  });
  const [request] = receiver.taken.get();
  expect(request?.path).toBe("/v1/traces");
  expect(request?.headers).toMatchObject({
    "content-type": "application/x-protobuf",
    "user-agent": "builder-agent/1.2.3",
  });
  await stage.accepted();
  expect(await stage.count("builder_agent_spans_exported_total")).toBe(9);
});

it("a start that ended before it was ready says so, with what it had reached", () => {
  const { root } = startTrace(CHAPTERS.slice(0, 2), { bootId: "b", beganAtMs: AT, endedAtMs: AT + 900 });
  expect(root).toMatchObject({ endedAtMs: AT + 900, failed: { type: "not-ready" } });
  expect(root.parts.map(({ name }) => name)).toEqual(["register", "attach"]);
});

it("where a share of the builds is sent, all sessions of a build are, or none", async () => {
  await using receiver = await OtlpReceiver.listen();
  await using stage = new Stage();
  stage.sendTo({ otlpEndpoint: receiver.url, sessionPercent: 50 });
  for (const round of [1, 2])
    for (let build = 0; build < 100; build += 1) {
      const of = { ...SESSION.build, buildId: `b-${build}` };
      stage.traces.tell(sessionTrace({ ...SESSION, build: of, sessionId: `s-${build}-${round}` }));
    }
  stage.traces.tell(startTrace(CHAPTERS, { bootId: "boot-1", beganAtMs: AT, endedAtMs: AT }));
  await receiver.taken.first(() => receiver.spans.some(({ name }) => name === "start"), AbortSignal.timeout(20_000));
  const builds = receiver.spans.flatMap(({ attributes }) => attributes["builder.build.id"] ?? []);
  const sent = new Set(builds);
  expect(sent.size).toBeGreaterThan(20);
  expect(sent.size).toBeLessThan(80);
  expect(builds).toHaveLength(2 * sent.size);
});

function never(name: string): never {
  throw new Error(`No span ${name}`);
}
