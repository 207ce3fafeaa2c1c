import { describe, expect, it } from "vitest";
import { describeFailure } from "../../agent/cli/describe-failure.ts";
import { exitCodeOf } from "../../agent/cli/exit-code.ts";
import { AgentError } from "../../agent/core/errors.ts";

const WHY = new Error("connect ECONNREFUSED 127.0.0.1:9464");
const FETCH = new TypeError("fetch failed", { cause: WHY });
const FAILURE = new AgentError("status.unreachable", "No agent answers", { retryable: true, cause: FETCH });

describe("a failure", () => {
  it("is told with each cause one step further in", () => {
    expect(describeFailure(FAILURE, false)).toBe(
      "No agent answers\n  because: fetch failed\n    because: connect ECONNREFUSED 127.0.0.1:9464",
    );
  });

  it("shows the stack of its first cause only when asked", () => {
    expect(describeFailure(FAILURE, false)).not.toContain("    at ");
    expect(describeFailure(FAILURE, true)).toContain("a-failure-is-told-with-its-causes-and-no-stack.test.ts");
  });

  it("with a cause that is its own cause comes to an end", () => {
    const loop = new Error("loop");
    loop.cause = loop;
    expect(describeFailure(loop, false).split("\n")).toHaveLength(8);
  });

  it("of several tells each of them", () => {
    expect(describeFailure(new AggregateError([new Error("IPv6"), new Error("IPv4")]), false)).toBe("IPv6; IPv4");
  });

  it("that is no error at all is told too", () => {
    expect(describeFailure("a text", false)).toBe("a text");
    expect(describeFailure({ odd: 1 }, false)).toBe("{ odd: 1 }");
  });

  it.each([
    { failure: new AgentError("config.invalid", "", { retryable: false }), code: 78 },
    { failure: new AgentError("status.unreachable", "", { retryable: true }), code: 69 },
    { failure: new AgentError("gateway.cannot-listen", "", { retryable: true }), code: 69 },
    { failure: new AgentError("link.broken", "", { retryable: false }), code: 70 },
    { failure: new TypeError("undefined is not a function"), code: 70 },
  ])("$failure.code ends the process with $code", ({ failure, code }) => {
    expect(exitCodeOf(failure)).toBe(code);
  });
});
