import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { packageDir } from "../../bench/process/toolchain.ts";

const DEADLINE_MS = 120_000;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "fleet-test-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

type Bench = ChildProcessByStdio<null, Readable, Readable>;

function startBench(...flags: readonly string[]): Bench {
  const main = join(packageDir, "dist", "bench", "main.js");
  const fixed = ["fleet", "--agents", "8", "--processes", "2", "--steady", "5", "--gone", "1"];
  return spawn(process.execPath, [main, ...fixed, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
}

/** Processes with machines whose parent this bench is. */
async function crewsOf(bench: Bench): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const parents = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
      return [Number(pid), Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1])] as const;
    }),
  );
  return parents.flatMap(([pid, parent]) => (parent === bench.pid ? [pid] : []));
}

async function isGone(pid: number): Promise<boolean> {
  return readFile(`/proc/${pid}/status`, "utf8").then(
    () => false,
    () => true,
  );
}

async function said(bench: Bench, words: string): Promise<void> {
  let text = "";
  bench.stderr.setEncoding("utf8");
  for (;;) {
    const [piece] = (await once(bench.stderr, "data")) as [string];
    text += piece;
    if (text.includes(words)) return;
  }
}

it("goes through burst, outage, change of CA and drain, and tells all of it", { timeout: DEADLINE_MS }, async () => {
  const file = join(dir, "fleet.json");
  const bench = startBench("--json", file);
  let table = "";
  bench.stdout.setEncoding("utf8").on("data", (text: string) => (table += text));
  const [code] = (await once(bench, "close")) as [number];
  expect(code).toBe(0);
  expect(table).toContain("return: 95 % attached, s");
  const result = JSON.parse(await readFile(file, "utf8")) as Record<string, Record<string, number>>;
  expect(result).toMatchObject({
    agents: 8,
    processes: 2,
    caChange: { machinesWithBuilds: 8, handshakes: 40, failedHandshakes: 0, interruptedSessions: 0, turnedAway: 8 },
  });
  expect(result["oneChange"]?.["p50Ms"]).toBeGreaterThan(0);
  expect(result["burst"]?.["planeMsEach"]).toBeGreaterThan(0);
  expect(result["drain"]?.["secondsToAllEnded"]).toBeGreaterThan(0);
});

it("ends every process that it started when it is told to", { timeout: DEADLINE_MS }, async () => {
  const bench = startBench();
  const ended = once(bench, "close");
  await said(bench, "idle for");
  const crews = await crewsOf(bench);
  expect(crews).toHaveLength(2);
  bench.kill("SIGTERM");
  expect(await ended).toEqual([130, null]);
  expect(await Promise.all(crews.map(isGone))).toEqual([true, true]);
});

it("takes its processes along when it is killed", { timeout: DEADLINE_MS }, async () => {
  const bench = startBench();
  await said(bench, "idle for");
  const crews = await crewsOf(bench);
  bench.kill("SIGKILL");
  // They hold its standard error: its end is theirs.
  await once(bench, "close");
  // Whoever inherits them may take a moment to bury them.
  await expect.poll(() => Promise.all(crews.map(isGone)), { timeout: DEADLINE_MS / 2 }).toEqual([true, true]);
});
