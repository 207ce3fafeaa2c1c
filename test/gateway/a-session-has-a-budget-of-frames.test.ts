import { describe, expect, it } from "vitest";
import { FrameBudget, type FrameLimits, USUAL_FRAME_LIMITS } from "../../agent/gateway/calls/frame-budget.ts";
import { FLAG, type FrameHeader, frame, TYPE } from "../../agent/gateway/http2/frames.ts";
import { Unsound } from "../../agent/gateway/http2/unsound.ts";
import { guarded } from "./http2/judged.ts";
import { BEGIN, CONTROL, type Layout, PlainClient } from "./http2/plain-client.ts";

const LIMITS: FrameLimits = { calls: 3, headerBytes: 100, controlFrames: 4, emptyFrames: 2 };
const WINDOW_MS = 10_000;

function budget(limits = LIMITS) {
  const clock = { nowMs: 5_000 };
  const counted = new FrameBudget(limits, () => clock.nowMs);
  const spend = (type: number, payloadBytes = 0, flags = 0): void =>
    counted.spend({ type, payloadBytes, flags, stream: 1 } satisfies FrameHeader);
  return { clock, spend };
}

const times = (count: number, run: () => void) => Array.from({ length: count }, run);

describe("within ten seconds a session may send", () => {
  it.each([
    { what: "so many calls", type: TYPE.headers, count: 3, because: "more than 3 calls within 10 s" },
    {
      what: "so many bytes of headers",
      type: TYPE.headers,
      bytes: 50,
      count: 2,
      because: "more than 100 bytes of headers",
    },
    { what: "so many pings", type: TYPE.ping, bytes: 8, count: 4, because: "more than 4 control frames" },
    { what: "so many settings", type: TYPE.settings, count: 4, because: "more than 4 control frames" },
    { what: "so many resets", type: TYPE.reset, bytes: 4, count: 4, because: "more than 4 control frames" },
    { what: "so many priorities", type: TYPE.priority, bytes: 5, count: 4, because: "more than 4 control frames" },
    { what: "so many frames that nobody knows", type: 0x42, count: 4, because: "more than 4 control frames" },
    { what: "so many empty frames", type: TYPE.data, count: 2, because: "more than 2 empty frames" },
  ])("$what, and no more", ({ type, bytes, count, because }) => {
    const { spend } = budget();
    times(count, () => spend(type, bytes));
    expect(() => spend(type, bytes)).toThrow(because);
  });

  it.each([
    { what: "data", type: TYPE.data, bytes: 16_384, flags: 0 },
    { what: "ends of streams", type: TYPE.data, bytes: 0, flags: FLAG.endStream },
    { what: "answers to pings", type: TYPE.ping, bytes: 8, flags: FLAG.acknowledges },
    { what: "answers to settings", type: TYPE.settings, bytes: 0, flags: FLAG.acknowledges },
    { what: "more of the window", type: TYPE.window, bytes: 4, flags: 0 },
  ])("$what as it likes", ({ type, bytes, flags }) => {
    const { spend } = budget();
    expect(() => times(100_000, () => spend(type, bytes, flags))).not.toThrow();
  });

  it("all kinds side by side", () => {
    const { spend } = budget();
    times(3, () => spend(TYPE.headers));
    times(4, () => spend(TYPE.ping));
    times(2, () => spend(TYPE.data));
    expect(() => spend(TYPE.ping)).toThrow("control frames");
  });
});

it("what was sent is forgotten after ten seconds, and counted anew", () => {
  const { clock, spend } = budget();
  times(3, () => spend(TYPE.headers));
  clock.nowMs += WINDOW_MS - 1;
  expect(() => spend(TYPE.headers)).toThrow(Unsound);
  clock.nowMs += 1;
  times(3, () => spend(TYPE.headers));
  expect(() => spend(TYPE.headers)).toThrow(Unsound);
});

it("who sends a little less for days is never cut", () => {
  const { clock, spend } = budget();
  for (let second = 0; second < 3_600; second += 1) {
    clock.nowMs += WINDOW_MS / 3 + 1;
    expect(() => spend(TYPE.headers)).not.toThrow();
  }
});

describe("with the usual limits a guard cuts", () => {
  /** What its first frame lacks comes in a second one. */
  const late: Layout = (stream, block) =>
    Buffer.concat([
      frame(TYPE.headers, 0, stream, block.subarray(0, 1)),
      frame(TYPE.continuation, 0, stream, block.subarray(1, 16_000)),
      frame(TYPE.continuation, FLAG.endHeaders, stream, block.subarray(16_000)),
    ]);

  it("large header blocks, whichever of their frames has the bytes", () => {
    const client = new PlainClient();
    const long = "v".repeat(20_000);
    const heads = Array.from({ length: 110 }, () => client.head(`${CONTROL}ListWorkers`, [["x", long]], late));
    const within = Math.floor(USUAL_FRAME_LIMITS.headerBytes / 20_200);
    expect(guarded([BEGIN, ...heads.slice(0, within)]).unsound).toBeUndefined();
    expect(guarded([BEGIN, ...heads]).unsound).toContain("bytes of headers within 10 s");
  });

  it("calls that are reset at once", () => {
    const client = new PlainClient();
    const calls = Array.from({ length: USUAL_FRAME_LIMITS.calls + 1 }, () => {
      const head = client.head(`${CONTROL}ListWorkers`);
      return Buffer.concat([head, frame(TYPE.reset, 0, client.stream, Buffer.from([0, 0, 0, 8]))]);
    });
    expect(guarded([BEGIN, ...calls.slice(0, -1)]).unsound).toBeUndefined();
    expect(guarded([BEGIN, ...calls]).unsound).toContain("calls within 10 s");
  });
});
