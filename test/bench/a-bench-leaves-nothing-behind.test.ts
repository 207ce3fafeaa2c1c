import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { packageDir } from "../../bench/process/toolchain.ts";

// The first run on a machine compiles the load client.
const DEADLINE_MS = 300_000;

interface Result {
  readonly rounds: number;
  readonly summary: readonly { readonly id: string; readonly medians: Readonly<Record<string, number>> }[];
}

let workDir: string;
beforeEach(async () => {
  workDir = await mkdtemp(join(tmpdir(), "bench-test-"));
});
afterEach(async () => {
  await rm(workDir, { recursive: true, force: true });
});

describe("a bench leaves nothing behind", { timeout: DEADLINE_MS }, () => {
  it("when it has measured: the figures are there, its files and processes are gone", async () => {
    const file = join(workDir, "result.json");
    const bench = startBench("--only", "round-trip", "--json", file);
    const { code, stdout } = await ending(bench);
    expect(code).toBe(0);
    expect(stdout).toContain("round trip, p50");
    const result = JSON.parse(await readFile(file, "utf8")) as Result;
    expect(result.rounds).toBe(1);
    const roundTrip = result.summary.find(({ id }) => id === "roundTripP50");
    expect(roundTrip?.medians["gateway"]).toBeGreaterThan(0);
    expect(roundTrip?.medians["direct"]).toBeGreaterThan(0);
    await rm(file);
    await expectNothingLeft();
  });

  it.each(["SIGINT", "SIGTERM"] as const)("when %s ends it amid a measurement", async (signal) => {
    const bench = startBench("--only", "throughput");
    await firstMeasurement(bench);
    bench.kill(signal);
    expect(await ending(bench)).toMatchObject({ code: 130 });
    await expectNothingLeft();
  });
});

function startBench(...args: readonly string[]): ChildProcess {
  const main = join(packageDir, "dist", "bench", "main.js");
  const fixed = ["gateway", "--quick", "--rounds", "1", "--subjects", "gateway,direct", "--work-dir", workDir];
  return spawn(process.execPath, [main, ...fixed, ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

async function firstMeasurement(bench: ChildProcess): Promise<void> {
  let said = "";
  for await (const text of bench.stderr?.setEncoding("utf8") ?? []) {
    said += String(text);
    if (said.includes("warm-up: bulk up")) return;
  }
  throw new Error(`The bench measured nothing: ${said}`);
}

async function ending(bench: ChildProcess): Promise<{ code: number | null; stdout: string }> {
  let stdout = "";
  bench.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  await once(bench, "close");
  return { code: bench.exitCode, stdout };
}

/** Every process that a bench starts has a path below its work directory among its arguments. */
async function expectNothingLeft(): Promise<void> {
  expect(await readdir(workDir)).toEqual([]);
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")));
  expect(commands.filter((command) => command.includes(workDir))).toEqual([]);
}
