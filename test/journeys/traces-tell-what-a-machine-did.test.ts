import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { orderTraces } from "../../sandbox/admin/traces.ts";
import { buildctlArguments } from "../../sandbox/stack/client-lines.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import type { WireSpan } from "../traces/decode-spans.ts";
import { OtlpReceiver } from "../traces/otlp-receiver.ts";
import { Client } from "./stage/client.ts";
import { REF } from "./stage/set-up.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

needsStage();

it("a machine's start, what it reconciles and a build's sessions come to the collector; the client's context goes to BuildKit", {
  timeout: 120_000,
}, async () => {
  await using receiver = await OtlpReceiver.listen();
  await using folder = await TempDir.make(join(tmpdir(), "headers-"));
  const token = randomBytes(24).toString("hex");
  const headersFile = join(folder.path, "headers");
  await writeFile(headersFile, `Authorization: Bearer ${token}\n`);
  const until = (holds: () => boolean) => receiver.taken.first(holds, AbortSignal.timeout(30_000));
  const named = (name: string): WireSpan => {
    const found = receiver.spans.find((span) => span.name === name);
    if (found === undefined)
      throw new Error(`No span ${name} in ${receiver.spans.map((span) => span.name).join(", ")}`);
    return found;
  };
  const stage = await Stage.up({ telemetry: { otlpEndpoint: receiver.url, headersFile } });
  const machineId = stage.machine.id;
  const build = await stage.openBuild();
  try {
    const traceId = randomBytes(16).toString("hex");
    const env = { ...process.env, TRACEPARENT: `00-${traceId}-${randomBytes(8).toString("hex")}-01` };
    const words = [...buildctlArguments(build), "build", "--progress", "plain", "--frontend", "dockerfile.v0"];
    const context = join(stage.clientDir, "context");
    await writeFile(join(context, "Dockerfile"), "FROM scratch\nCOPY no-such-file /\n");
    const args = [...words, "--local", `context=${context}`, "--local", `dockerfile=${context}`];
    await using client = Client.start(stage.tools.buildctl, args, env);
    expect((await client.ended).exitCode).not.toBe(0);
    await until(() => receiver.spans.some(({ name }) => name === "session"));
    // BuildKit goes on in the client's trace: its own log says so of what failed.
    const spoken = (await stage.log.lines()).map(({ data, event }) => `${event} ${JSON.stringify(data)}`);
    expect(spoken.filter((line) => line.includes(traceId)).join("\n")).toContain("no-such-file");

    const start = named("start");
    const chapters = receiver.spans.filter(({ parentId }) => parentId === start.spanId);
    expect(chapters.map(({ name }) => name).toSorted()).toEqual([
      "attach",
      "buildkit",
      "cache-volume",
      "gateway",
      "network",
      "register",
    ]);
    for (const { traceId: of, beganAtMs, endedAtMs } of chapters) {
      expect(of).toBe(start.traceId);
      expect(beganAtMs).toBeGreaterThanOrEqual(start.beganAtMs);
      expect(endedAtMs).toBeLessThanOrEqual(start.endedAtMs);
    }
    const toStart = { traceId: start.traceId, spanId: start.spanId };
    for (const name of ["reconcile cache", "reconcile buildkit start", "reconcile buildkit attend"])
      expect(named(name)).toMatchObject({ parentId: "", links: [toStart], status: { code: 0 } });
    const session = named("session");
    expect(session).toMatchObject({ parentId: "", links: [toStart], kind: 2 });
    expect(session.attributes).toMatchObject({
      "builder.build.id": build.buildId,
      "builder.session.ending": "client-closed",
    });
    expect(session.traceId).not.toBe(traceId);
    for (const { resource } of receiver.spans)
      expect(resource).toMatchObject({ "service.name": "builder-agent", "service.instance.id": machineId });
    expect(receiver.taken.get().every(({ headers }) => headers.authorization === `Bearer ${token}`)).toBe(true);

    const { body } = await stage.health("/readyz/traces?format=json");
    expect(body).toContain(`${receiver.url} accepts spans`);
    const metrics = (await stage.health("/metrics")).body;
    expect(metrics).toMatch(/^builder_agent_spans_exported_total [1-9]/m);
    expect(metrics).not.toContain(build.buildId);
    // Neither the token nor a customer's file name is told.
    const told = JSON.stringify(receiver.spans);
    expect(told).not.toContain("no-such-file");
    for (const text of [told, metrics, JSON.stringify(spoken), (await stage.status()).said])
      expect(text).not.toContain(token);
  } finally {
    const before = receiver.taken.get().length;
    await stage[Symbol.asyncDispose]();
    expect(receiver.taken.get().length).toBeGreaterThanOrEqual(before);
  }
});

it("a collector that hangs holds up neither a start nor an ending", { timeout: 120_000 }, async () => {
  await using receiver = await OtlpReceiver.listen();
  receiver.behaviour = () => undefined;
  const stage = await Stage.up({ telemetry: { otlpEndpoint: receiver.url } });
  try {
    const build = await stage.openBuild();
    expect((await stage.askWorkers(build)).exitCode).toBe(0);
    await receiver.untilRequests(1);
    const begunMs = performance.now();
    process.kill(await stage.pid("launcher"), "SIGTERM");
    expect(await stage.ended()).toMatchObject({ code: 0 });
    expect(performance.now() - begunMs).toBeLessThan(20_000);
  } finally {
    await stage[Symbol.asyncDispose]();
  }
});

it("what the control plane orders and may not is told to whoever ordered it, and nothing is sent", {
  timeout: 120_000,
}, async () => {
  await using receiver = await OtlpReceiver.listen();
  await using stage = await Stage.up();
  const { port } = new URL(receiver.url);
  const [machine] = await orderTraces(stage.plane, {
    verb: "traces",
    ...REF,
    order: { otlpEndpoint: `https://127.0.0.1:${port}`, headers: {}, caCertificates: "", sessionPercent: 0 },
  });
  expect(machine).toMatchObject({ machineId: stage.machine.id, ok: false });
  expect(machine?.says).toMatch(/order is not followed: .* leads to 127\.0\.0\.1: this machine/);
  // Ready all the same: builds go on.
  const build = await stage.openBuild();
  expect((await stage.askWorkers(build)).exitCode).toBe(0);
  const [withdrawn] = await orderTraces(stage.plane, { verb: "traces", ...REF });
  expect(withdrawn).toMatchObject({ ok: true });
  expect(withdrawn?.says).toMatch(/^No spans are sent: Neither/);
  expect(receiver.taken.get()).toEqual([]);
});
