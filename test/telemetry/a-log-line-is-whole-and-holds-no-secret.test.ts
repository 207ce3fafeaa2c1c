import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type LogLevel, type ProcessLog, processLog } from "../../agent/adapters/telemetry/process-log.ts";
import { AgentError } from "../../agent/core/errors.ts";
import { Secret } from "../../agent/core/secret.ts";
import type { AnyLog } from "../../agent/ports/log.ts";

const CANARY = "canary-7f3a91";
/** A pipe holds as much (pipe(7)). */
const PIPE_BYTES = 65_536;
let folder: string;
let readFd: number;
let fd: number;
let read: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "log-"));
  const pipe = join(folder, "log");
  execFileSync("mkfifo", [pipe]);
  readFd = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  fd = openSync(pipe, "w");
  read = "";
});
afterEach(() => {
  closeSync(fd);
  closeSync(readFd);
  rmSync(folder, { recursive: true });
});

/** All that is in the pipe now and was before. */
function written(): string {
  const piece = Buffer.alloc(PIPE_BYTES);
  try {
    read += piece.toString("utf8", 0, readSync(readFd, piece));
  } catch (failure) {
    if (!(failure instanceof Error && "code" in failure && failure.code === "EAGAIN")) throw failure;
  }
  return read;
}
function lines(): readonly Record<string, unknown>[] {
  return written()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
const logAt = (level: LogLevel): AnyLog => processLog({ process: "gateway", level, fd });

it("is one JSON object with level, time, process and a stable event, there when the call returns", () => {
  logAt("info").info({ buildId: "b", durationMs: 12 }, "session.closed");
  expect(lines()).toEqual([
    {
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      process: "gateway",
      pid: process.pid,
      buildId: "b",
      durationMs: 12,
      event: "session.closed",
    },
  ]);
  expect(Object.keys(lines()[0] ?? {}).slice(0, 3)).toEqual(["level", "time", "event"]);
});

it("says a time for a person beside its milliseconds, and leaves lengths of time alone", () => {
  const took = { durationMs: 5, hugeMs: 999_999_999_999, graceMs: "1796212800000" };
  logAt("info").info({ notAfterMs: 1_796_212_800_000, deeper: { atMs: 1_796_212_800_000 }, ...took }, "said");
  expect(lines()[0]).toMatchObject({
    notAfterMs: 1_796_212_800_000,
    notAfter: "2026-12-02T12:00:00.000Z",
    deeper: { atMs: 1_796_212_800_000, at: "2026-12-02T12:00:00.000Z" },
    ...took,
  });
  for (const key of ["duration", "huge", "grace"]) expect(lines()[0]).not.toHaveProperty(key);
});

it.each([
  { level: "debug", events: ["debug", "info", "warn", "error"] },
  { level: "info", events: ["info", "warn", "error"] },
  { level: "warn", events: ["warn", "error"] },
  { level: "error", events: ["error"] },
  { level: "silent", events: [] },
] as const)("keeps to its level: $level", ({ level, events }) => {
  const log = logAt(level);
  for (const at of ["debug", "info", "warn", "error"] as const) log[at]({}, at);
  expect(lines().map((line) => line["event"])).toEqual(events);
});

it("changes its level while it runs", () => {
  const log: AnyLog & Pick<ProcessLog, "setLevel"> = processLog({ process: "gateway", level: "warn", fd });
  log.info({}, "before");
  log.setLevel("debug");
  log.debug({}, "after");
  expect(lines().map((line) => line["event"])).toEqual(["after"]);
});

it("shows what is named as no field should be, and says how much more there was", () => {
  const many = Object.fromEntries(Array.from({ length: 150 }, (_, at) => [`f${at}`, at]));
  logAt("info").info({ odd: JSON.parse('{"__proto__":{"a":1},"b":2}') as object, many }, "said");
  const [line] = written().split("\n");
  expect(line).toContain('"odd":{"__proto__":{"a":1},"b":2}');
  expect(line).toContain('"f99":99,"…":"50 more"}');
});

it("cannot be made to look like another line by its data", () => {
  logAt("info").info({ event: "forged", level: "error", text: 'x"}\n{"event":"forged"' }, "real");
  const [line, ...more] = lines();
  expect(more).toEqual([]);
  expect(line?.["event"]).toBe("real");
  expect(line?.["level"]).toBe("info");
});

it.each([
  { name: "a secret", data: { token: new Secret(CANARY) } },
  { name: "a secret of bytes", data: { key: new Secret(Buffer.from(CANARY)) } },
  { name: "a secret deep inside", data: { a: [{ b: new Map([["c", new Secret(CANARY)]]) }] } },
  { name: "bytes", data: { der: Buffer.from(CANARY), more: new TextEncoder().encode(CANARY) } },
  { name: "a private key in PEM", data: { pem: `-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----` } },
  { name: "what hangs on an error", data: { err: Object.assign(new Error("x"), { request: { token: CANARY } }) } },
  { name: "a secret as a cause", data: { err: new Error("x", { cause: new Secret(CANARY) }) } },
  { name: "an object as a cause", data: { err: new Error("x", { cause: { token: CANARY } }) } },
])("does not hold $name", ({ data }) => {
  const log = logAt("debug");
  for (const at of ["debug", "info", "warn", "error"] as const) log[at](data, "leak.attempt");
  expect(lines()).toHaveLength(4);
  expect(written()).not.toContain(CANARY);
  expect(written()).not.toContain(Buffer.from(CANARY).toString("base64"));
  expect(written()).not.toContain([...Buffer.from(CANARY)].join(","));
});

it("tells an error with every cause, each in its own words", () => {
  const socket = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  const grpc = new Error("14 UNAVAILABLE", { cause: socket });
  const err = new AgentError("control-plane.unavailable", "The control plane did not answer", {
    retryable: true,
    cause: grpc,
  });
  const told = {
    code: "control-plane.unavailable",
    message: "The control plane did not answer",
    causes: [{ message: "14 UNAVAILABLE" }, { message: "connect ECONNREFUSED", code: "ECONNREFUSED" }],
  };
  logAt("info").error({ err }, "control-plane.detached");
  logAt("debug").error({ err }, "control-plane.detached");
  expect(lines().map((line) => line["err"])).toEqual([told, { ...told, stack: expect.any(Array) as unknown }]);
  expect(lines()[1]).toHaveProperty("err.stack.0", expect.stringMatching(/^at .*a-log-line-is-whole/));
});

it("names the kind of an error that has no code", () => {
  logAt("info").error({ err: new TypeError("x is not a function") }, "failed");
  expect(lines()[0]?.["err"]).toEqual({ name: "TypeError", message: "x is not a function" });
});

it("tells every member of an AggregateError, a cause that is no error, and a circle once", () => {
  const circle = new Error("circle");
  circle.cause = circle;
  const err = new AggregateError([new Error("one"), new Error("two", { cause: "a string" }), circle], "several");
  logAt("info").error({ err }, "failed");
  expect(lines()[0]?.["err"]).toMatchObject({
    message: "several",
    causes: [{ message: "one" }, { message: "two" }, { name: "string", message: "a string" }, { message: "circle" }],
  });
});

it.each([
  { name: "a circle", value: circular(), as: expect.anything() as unknown },
  { name: "a secret", value: new Secret(CANARY), as: "[secret]" },
  { name: "a bigint", value: 2n ** 64n, as: "18446744073709551616" },
  { name: "a set", value: new Set([1, 2]), as: [1, 2] },
  { name: "a map", value: new Map([["a", 1n]]), as: { a: "1" } },
  { name: "a date", value: new Date(0), as: "1970-01-01T00:00:00.000Z" },
  { name: "no number", value: Number.NaN, as: "NaN" },
  { name: "a function", value: () => 1, as: "[function]" },
  { name: "what throws when looked at", value: throwing(), as: "[unprintable]" },
  { name: "very much text", value: "x".repeat(100_000), as: `${"x".repeat(8_192)}… (100000 characters)` },
  {
    name: "very many things",
    value: Array.from({ length: 1_000 }, () => 1),
    as: [...Array.from({ length: 100 }, () => 1), "… 900 more"],
  },
])("holds $name without failing or growing", ({ value, as }) => {
  logAt("info").info({ value }, "held");
  expect(lines()[0]?.["value"]).toEqual(as);
  expect(written().length).toBeLessThan(20_000);
});

function circular(): object {
  const one: Record<string, unknown> = {};
  one["self"] = one;
  return one;
}

function throwing(): object {
  return {
    get oops(): never {
      throw new Error("do not look");
    },
  };
}
