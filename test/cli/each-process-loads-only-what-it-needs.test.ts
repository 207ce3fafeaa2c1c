import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { AgentProcess } from "./agent-process.ts";

const KMS = "@aws-sdk/client-kms";
const SIGNATURES = "@smithy/signature-v4";
const GRPC = "@grpc/grpc-js";

/**
 * What costs milliseconds and megabytes, or would give a process an ability that it must not have.
 * All of it is CommonJS.
 */
it.each([
  { module: "program", without: [GRPC, "pino", "prom-client", "systeminformation"] },
  { module: "commands/version", without: ["commander", GRPC, "pino", "prom-client", "systeminformation"] },
  { module: "commands/gateway", without: [GRPC, "prom-client", "systeminformation", "reflect-metadata"] },
  { module: "commands/run", without: [GRPC, "prom-client", "systeminformation", "reflect-metadata"] },
  { module: "commands/control", without: ["systeminformation", "reflect-metadata", KMS, SIGNATURES] },
  { module: "commands/volume-serve", without: [GRPC, "prom-client", "systeminformation", KMS] },
  { module: "commands/volume-close", without: [GRPC, "prom-client", "systeminformation", KMS] },
  { module: "commands/buildkit-prepare", without: ["prom-client", "systeminformation", KMS] },
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
