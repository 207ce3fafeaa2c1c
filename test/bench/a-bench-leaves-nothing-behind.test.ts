import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
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

  it.each([
    { what: "SIGINT ends it", interrupt: (bench: Bench) => bench.kill("SIGINT") },
    { what: "SIGTERM ends it", interrupt: (bench: Bench) => bench.kill("SIGTERM") },
    { what: "nobody reads what it says any more", interrupt: (bench: Bench) => bench.stderr.destroy() },
  ])("when $what amid a measurement", async ({ interrupt }) => {
    const bench = startBench("--only", "throughput");
    await firstMeasurement(bench);
    interrupt(bench);
    expect(await ending(bench)).toMatchObject({ code: 130 });
    await expectNothingLeft();
  });
});

type Bench = ChildProcessByStdio<null, Readable, Readable>;

function startBench(...args: readonly string[]): Bench {
  const main = join(packageDir, "dist", "bench", "main.js");
  const fixed = ["gateway", "--quick", "--rounds", "1", "--subjects", "gateway,direct", "--work-dir", workDir];
  return spawn(process.execPath, [main, ...fixed, ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

async function firstMeasurement(bench: Bench): Promise<void> {
  let said = "";
  const measured = new Promise<void>((resolve) => {
    bench.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("warm-up: bulk up")) resolve();
    });
  });
  const ended = once(bench, "exit").then(() => {
    throw new Error(`The bench measured nothing: ${said}`);
  });
  await Promise.race([measured, ended]);
  ended.catch(() => undefined);
}

async function ending(bench: Bench): Promise<{ code: number | null; stdout: string }> {
  let stdout = "";
  bench.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
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
