import { describe, expect, it } from "vitest";
import { describeExit, type ExitFacts, spoken } from "../../agent/core/unit-exit.ts";

const exits: readonly { exit: Partial<ExitFacts>; kind: string; text: string }[] = [
  { exit: { code: 0 }, kind: "clean", text: "exit code 0" },
  { exit: { signal: "SIGKILL" }, kind: "killed", text: "killed by SIGKILL" },
  { exit: { signal: "SIGKILL", oomKills: 0 }, kind: "killed", text: "killed by SIGKILL" },
  {
    exit: { signal: "SIGKILL", oomKills: 1, lastLines: ["last"] },
    kind: "out-of-memory",
    text: "killed by SIGKILL (the kernel ran out of memory): last",
  },
  {
    exit: { code: 1, lastLines: ['{"level":"error","msg":"cannot go on","error":"EIO"}'] },
    kind: "failed",
    text: "exit code 1: cannot go on: EIO",
  },
  { exit: { signal: "SIGTERM" }, kind: "killed", text: "killed by SIGTERM" },
  { exit: { signal: "SIGSEGV" }, kind: "crashed", text: "killed by SIGSEGV: crashed" },
  {
    exit: { code: 2, lastLines: ["panic: assertion failed", "", "goroutine 1 [running]:", "main.main()"] },
    kind: "crashed",
    text: "exit code 2: panic: assertion failed",
  },
  {
    exit: { code: 2, lastLines: ["fatal error: runtime: out of memory", "goroutine 1"] },
    kind: "out-of-memory",
    text: "exit code 2: fatal error: runtime: out of memory",
  },
  {
    exit: { code: 1, lastLines: ["buildkitd: failed to parse config: toml: expected =", "main.main"] },
    kind: "config-refused",
    text: "exit code 1: buildkitd: failed to parse config: toml: expected =",
  },
  {
    exit: { code: 1, lastLines: ["buildkitd: could not lock /cache/buildkitd.lock, another instance running?"] },
    kind: "root-in-use",
    text: "exit code 1: buildkitd: could not lock /cache/buildkitd.lock, another instance running?",
  },
  {
    exit: { code: 1, lastLines: ["buildkitd: write /cache/history.db: no space left on device", "main.main"] },
    kind: "disk-full",
    text: "exit code 1: buildkitd: write /cache/history.db: no space left on device",
  },
  { exit: { code: 1, lastLines: ["something new"] }, kind: "failed", text: "exit code 1: something new" },
  { exit: { code: 1 }, kind: "failed", text: "exit code 1: failed" },
  { exit: {}, kind: "failed", text: "exit code unknown: failed" },
];

describe("an exit of buildkitd", () => {
  it.each(exits)("$exit is told as $kind", ({ exit, kind, text }) => {
    expect(describeExit({ lastLines: [], ...exit })).toEqual({ kind, text });
  });
});

it.each([
  { line: '{"level":"error","msg":"fatal","error":"disk I/O","time":"t"}', as: "fatal: disk I/O" },
  { line: '{"level":"info","msg":"stopping"}', as: "stopping" },
  { line: "buildkitd: no worker found", as: "buildkitd: no worker found" },
  { line: '{"level":"info"}', as: '{"level":"info"}' },
  { line: "{panic", as: "{panic" },
])("shows $line in the log as a person reads it", ({ line, as }) => {
  expect(spoken(line)).toBe(as);
});
