import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeEach, expect, it } from "vitest";
import { FaultMemory } from "../../agent/adapters/telemetry/fault-memory.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { LogData } from "../../agent/ports/log.ts";

const PROCESS_LOG = fileURLToPath(new URL("../../dist/agent/adapters/telemetry/process-log.js", import.meta.url));
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let memory: FaultMemory;
let nowMs: number;
beforeEach(() => {
  memory = new FaultMemory();
  nowMs = 5_000;
});

function failed(words: string, data: LogData = {}, event = "control-plane.detached"): LogData | undefined {
  return memory.note("warn", event, { err: refused(words), retryInMs: nowMs % 977, ...data }, nowMs);
}
function refused(words: string, cause = "connect ECONNREFUSED"): Error {
  return new AgentError("control-plane.unavailable", words, { retryable: true, cause: new Error(cause) });
}
/** One try a second; when it was told, and as what. */
function outage(lastsMs: number): { readonly atMs: number; readonly line: LogData }[] {
  const told: { atMs: number; line: LogData }[] = [];
  const beganMs = nowMs;
  for (; nowMs < beganMs + lastsMs; nowMs += 1_000) {
    const line = failed("No answer");
    if (line !== undefined) told.push({ atMs: nowMs - beganMs, line });
  }
  return told;
}

it("tells the first failure of an outage at once, then at growing intervals, with how often and how long", () => {
  const told = outage(2 * HOUR_MS);
  expect(told.map(({ atMs }) => atMs / MINUTE_MS)).toEqual([0, 1, 3, 7, 15, 30, 45, 60, 75, 90, 105]);
  expect(told[0]?.line).not.toHaveProperty("count");
  expect(told[2]?.line).toMatchObject({ count: 181, lastsMs: 180_000 });
});

it("tells with the recovery after how many failures it came, and how long they lasted", () => {
  outage(90_000);
  expect(memory.note("info", "control-plane.attached", { revision: 7n }, nowMs)).toEqual({
    revision: 7n,
    failures: 90,
    failedForMs: 90_000,
  });
});

it("tells nothing of the kind where nothing had failed, or another thing had", () => {
  failed("refused", {}, "certificates.renewal-failed");
  expect(memory.note("info", "control-plane.attached", { revision: 7n }, nowMs)).toEqual({ revision: 7n });
});

it("tells what still fails at once after a SIGHUP: somebody looks, and has had it tried", () => {
  outage(20 * MINUTE_MS);
  memory.note("info", "config.taken", { logLevel: "info", logLevelBefore: "info" }, nowMs);
  expect(failed("No answer")).toMatchObject({ count: 1_201 });
  expect(failed("No answer")).toBeUndefined();
});

it("begins anew after a recovery", () => {
  failed("No answer");
  memory.note("info", "control-plane.attached", {}, nowMs);
  expect(failed("No answer")).not.toHaveProperty("count");
});

it("tells a changed cause at once", () => {
  failed("No answer");
  expect(failed("The machine is refused")).toBeDefined();
  const err = refused("No answer", "certificate has expired");
  expect(memory.note("warn", "control-plane.detached", { err }, nowMs)).toBeDefined();
  expect(failed("No answer", { likely: "the clock is 7 h off" })).toBeDefined();
});

it("tells within a minute that an earlier cause is back, and keeps a change to and fro from filling the log", () => {
  outage(20 * MINUTE_MS);
  failed("Another");
  nowMs += MINUTE_MS;
  expect(failed("No answer")).toMatchObject({ count: 1_201 });
  let lines = 0;
  for (let at = 0; at < HOUR_MS; at += 1_000, nowMs += 1_000)
    if (failed(at % 2_000 === 0 ? "Another" : "No answer") !== undefined) lines += 1;
  expect(lines).toBeLessThanOrEqual(2 * 60);
});

it.each([
  { name: "how long it waited", one: "Deadline exceeded after 5.001s", two: "Deadline exceeded after 12.3s" },
  { name: "how long it was silent", one: "nothing heard for 90 s", two: "nothing heard for 97 s" },
  { name: "a time", one: "expired at 2026-11-29T10:00:00Z", two: "expired at 2026-11-29T10:05:00.5Z" },
])("takes a failure for the same where only $name differs", ({ one, two }) => {
  failed(one);
  expect(failed(two)).toBeUndefined();
});

it.each([
  { name: "an exit code", one: "exit code 1", two: "exit code 2" },
  { name: "an address", one: "connect ECONNREFUSED 127.0.0.1:1", two: "connect ECONNREFUSED 127.0.0.1:2" },
])("takes it for another where $name differs", ({ one, two }) => {
  failed(one);
  expect(failed(two)).toBeDefined();
});

it("keeps whose failure it is apart: another task, another file", () => {
  failed("defect", { task: "attach" }, "task.failed");
  expect(failed("defect", { task: "checks" }, "task.failed")).toBeDefined();
});

it("lets what is no failure pass, however often it comes", () => {
  const data = { sessionId: "s", because: "not its own" };
  for (let n = 0; n < 3; n += 1) expect(memory.note("warn", "call.refused", data, nowMs)).toEqual(data);
});

it("forgets what was not heard of for an hour, and what is most faults ago", () => {
  failed("No answer");
  nowMs += HOUR_MS + 1;
  expect(failed("No answer")).not.toHaveProperty("count");
  for (let n = 0; n < 200; n += 1) failed(`another ${n}`);
  expect(failed("No answer")).not.toHaveProperty("count");
});

it("tells each try at debug", () => {
  const said = (level: string): number => {
    const code = `
      import { processLog } from ${JSON.stringify(PROCESS_LOG)};
      const log = processLog({ process: "control", level: ${JSON.stringify(level)} });
      for (let n = 0; n < 5; n += 1) log.warn({ err: new Error("x"), retryInMs: n }, "control-plane.detached");
    `;
    const options = { encoding: "utf8", timeout: 20_000 } as const;
    return execFileSync(process.execPath, ["--input-type=module", "-e", code], options).trim().split("\n").length;
  };
  expect([said("info"), said("debug")]).toEqual([1, 5]);
});
