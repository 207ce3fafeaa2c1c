import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { AgentProcess } from "./agent-process.ts";

const KMS = "@aws-sdk/client-kms";
const SIGNATURES = "@smithy/signature-v4";
const GRPC = "@grpc/grpc-js";
/** `@opentelemetry/api` is not among them: prom-client brings it. */
const TRACES = ["resources", "sdk-trace", "core", "otlp-transformer"].map((part) => `@opentelemetry/${part}`);

/**
 * What costs milliseconds and megabytes, or would give a process an ability that it must not have.
 * All of it is CommonJS.
 */
it.each([
  { module: "program", without: [GRPC, "prom-client"] },
  { module: "commands/version", without: ["commander", GRPC, "prom-client"] },
  { module: "commands/gateway", without: [GRPC, "prom-client", "reflect-metadata"] },
  { module: "commands/run", without: [GRPC, "prom-client", "reflect-metadata"] },
  { module: "commands/control", without: ["reflect-metadata", KMS, SIGNATURES, ...TRACES] },
  { module: "commands/volume-serve", without: [GRPC, "prom-client", KMS] },
  { module: "commands/volume-close", without: [GRPC, "prom-client", KMS] },
  { module: "commands/buildkit-prepare", without: ["prom-client", KMS] },
])("$module loads without $without", async ({ module, without }) => {
  const file = fileURLToPath(new URL(`../../dist/agent/cli/${module}.js`, import.meta.url));
  await using loading = AgentProcess.evaluate(`
    import { createRequire } from "node:module";
    await import(${JSON.stringify(file)});
    console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)));`);
  const { out, err } = await loading.ended;
  const loaded: unknown = JSON.parse(out.split("\n").at(-1) ?? "");
  expect(err).toBe("");
  expect(packagesOf(loaded).filter((name) => without.includes(name))).toEqual([]);
});

it.each([
  { where: "nowhere", target: "undefined", loads: [] },
  {
    where: "somewhere",
    target: "{ url: 'http://127.0.0.1:1', shown: '', headers: { given: new Map() } }",
    loads: TRACES,
  },
])("traces that are sent $where load $loads", async ({ target, loads }) => {
  const dist = fileURLToPath(new URL("../../dist/agent/adapters", import.meta.url));
  await using loading = AgentProcess.evaluate(`
    import { createRequire } from "node:module";
    const { OtlpTraces } = await import(${JSON.stringify(`${dist}/traces/otlp-traces.js`)});
    const { systemClock } = await import(${JSON.stringify(`${dist}/clock/system-clock.js`)});
    const log = { warn() {} };
    const meters = { spansDropped() {}, spansExported() {} };
    const traces = new OtlpTraces({ clock: systemClock(), log, meters, version: "" });
    const stop = new AbortController();
    const sending = traces.send(${target}, () => undefined, () => {}, stop.signal);
    traces.tell({ of: { is: "reconciliation" }, root: { name: "", beganAtMs: 0, endedAtMs: 0, attributes: {}, events: [], parts: [] } });
    stop.abort();
    await sending;
    await traces[Symbol.asyncDispose]();
    console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)));`);
  const { out, err } = await loading.ended;
  expect(err).toBe("");
  const loaded = packagesOf(JSON.parse(out));
  expect(TRACES.filter((name) => loaded.includes(name))).toEqual(loads);
});

/** ECMAScript modules are in no cache that can be read: so what is imported is followed. */
it.each([
  { module: "main", packages: [] },
  { module: "commands/gateway", packages: ["commander", "smol-toml"] },
])("$module imports, of all packages, $packages", async ({ module, packages }) => {
  expect([...(await packagesUnder(new URL(`../../dist/agent/cli/${module}.js`, import.meta.url)))]).toEqual(packages);
});

async function packagesUnder(from: URL, seen = new Set<string>(), packages = new Set<string>()): Promise<Set<string>> {
  if (seen.has(from.href)) return packages;
  seen.add(from.href);
  const text = await readFile(from, "utf8");
  for (const [, name = ""] of text.matchAll(/^(?:import|export)\b[^;"=()]*"([^"]+)";/gm)) {
    if (name.startsWith(".")) await packagesUnder(new URL(name, from), seen, packages);
    else if (!name.startsWith("node:")) packages.add(/^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name);
  }
  return new Set([...packages].toSorted());
}

it("would see gRPC if it were loaded", async () => {
  await using loading = AgentProcess.evaluate(`
    import { createRequire } from "node:module";
    await import(${JSON.stringify(GRPC)});
    console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)));`);
  expect(packagesOf(JSON.parse((await loading.ended).out))).toContain(GRPC);
});

function packagesOf(files: unknown): readonly string[] {
  if (!Array.isArray(files)) throw new Error("No list of files");
  const names = files.map((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(String(file))?.[1] ?? "");
  return [...new Set(names)];
}
