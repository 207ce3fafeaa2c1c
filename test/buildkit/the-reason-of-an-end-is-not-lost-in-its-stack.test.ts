import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { describe, expect, it } from "vitest";
import { DaemonOutput, parseLine } from "../../agent/adapters/buildkit/output.ts";
import { CollectedLog } from "../keys/collected-log.ts";

describe("what buildkitd says", () => {
  it.each([
    {
      line: '{"level":"info","msg":"running","time":"2026-01-01T00:00:00Z"}',
      level: "info",
      data: { message: "running" },
    },
    {
      line: '{"level":"warning","msg":"no","error":"why","message":"theirs"}',
      level: "warn",
      data: { message: "no", fields: { error: "why", message: "theirs" } },
    },
    { line: '{"level":"panic","msg":"p"}', level: "error", data: { message: "p" } },
    { line: '{"level":"fatal","msg":"f"}', level: "error", data: { message: "f" } },
    { line: '{"level":7}', level: "info", data: { message: '{"level":7}' } },
    { line: "{not JSON", level: "warn", data: { message: "{not JSON" } },
    { line: "buildkitd: it broke", level: "warn", data: { message: "buildkitd: it broke" } },
    { line: "\tmain.go:437", level: "debug", data: { message: "\tmain.go:437" } },
    { line: "main.main.func3", level: "debug", data: { message: "main.main.func3" } },
  ])("$line is logged at $level", ({ line, level, data }) => {
    expect(parseLine(line)).toEqual({ level, data });
  });

  it("keeps the last 20 lines, and among them the one that tells why", async () => {
    const output = new DaemonOutput(new CollectedLog());
    const stack = Array.from({ length: 60 }, (_, at) => `frame.${at}`);
    const stream = Readable.from(["earlier\n", "buildkitd: no space left on device\n", stack.join("\n")]);
    output.follow(stream);
    await finished(stream);
    expect(output.lastLines).toHaveLength(20);
    expect(output.lastLines[0]).toBe("buildkitd: no space left on device");
    expect(output.lastLines.at(-1)).toBe("frame.59");
  });

  it("keeps no line of a call that failed: after each start there are many", async () => {
    const output = new DaemonOutput(new CollectedLog());
    const refused =
      '{"level":"error","msg":"/moby.buildkit.v1.Control/Solve returned error: rpc error: no route to host"}';
    const stream = Readable.from(["reason\n", `${refused}\n`.repeat(60)]);
    output.follow(stream);
    await finished(stream);
    expect(output.lastLines).toEqual(["reason"]);
  });
});
