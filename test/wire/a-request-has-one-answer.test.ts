import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { AgentError } from "../../agent/core/errors.ts";
import { ask, watch } from "../../agent/wire/ask.ts";
import { listenUnix, type UnixListener } from "../../agent/wire/listener.ts";
import { requirePeer } from "../../agent/wire/peer.ts";
import { type Protocol, verb } from "../../agent/wire/protocol.ts";
import { on, type Served, serve } from "../../agent/wire/serve.ts";
import { eventually } from "../buildkit/real-buildkit.ts";

const never = new AbortController().signal;
const step = z.object({ is: z.literal("step"), at: z.number(), fill: z.string().exactOptional() });

const COUNTER: Protocol = { name: "counter", answerer: "the counter", version: 3, lineMaxBytes: 4096 };
const COUNT = verb(COUNTER, "count", {
  request: z.strictObject({ to: z.int(), secret: z.string().exactOptional() }),
  step,
  answer: z.object({ is: z.literal("counted"), to: z.number() }),
});
const TICK = verb(COUNTER, "tick", { request: z.strictObject({}), step, endsWithAsker: true });

let dir: string;
let listener: UnixListener | undefined;
let served: Served[];
let failures: unknown[];
let count: Parameters<typeof on<{ to: number }, Step, { is: "counted"; to: number }>>[1];
let tick: Parameters<typeof on<object, Step, never>>[1];
type Step = z.output<typeof step>;
const path = (): string => join(dir, "counter.sock");
const refused = (why: string): AgentError => new AgentError("counter.cannot-listen", why, { retryable: false });

beforeEach(async () => {
  dir = await mkdtemp("/tmp/wire-");
  served = [];
  failures = [];
  count = async ({ to }, _signal, tell) => {
    for (let at = 1; at <= to; at += 1) tell({ is: "step", at });
    return { is: "counted", to };
  };
  tick = () => Promise.resolve(undefined);
});
afterEach(async () => {
  await listener?.[Symbol.asyncDispose]();
  listener = undefined;
  await rm(dir, { recursive: true, force: true });
});

async function listen(over: { readonly requestDeadlineMs?: number; readonly maxConnections?: number } = {}) {
  const { maxConnections = 8, ...serving } = over;
  listener = await listenUnix({ path: path(), mode: 0o600, maxConnections, refused }, (socket) => {
    void serve(COUNTER, [on(COUNT, count), on(TICK, tick)], socket, {
      signal: never,
      onFailure: (failure) => failures.push(failure),
      ...serving,
    }).then((outcome) => served.push(outcome));
  });
}

/** Somebody at the other end who does as the test says. */
async function stranger(act: (socket: Socket) => void): Promise<void> {
  listener = await listenUnix({ path: path(), mode: 0o600, maxConnections: 8, refused }, act);
}

function counted(to: number, over: { deadlineMs?: number; signal?: AbortSignal; onStep?: (at: number) => void } = {}) {
  const { deadlineMs = 30_000, signal = never, onStep } = over;
  const asking = { socketPath: path(), deadlineMs, signal };
  return ask(COUNT, { to }, { ...asking, onStep: ({ at }) => onStep?.(at) });
}

async function said(line: string): Promise<Readonly<Record<string, unknown>>> {
  const socket = connect(path());
  socket.end(line);
  return JSON.parse(await text(socket)) as Readonly<Record<string, unknown>>;
}

describe("a request", () => {
  it("has its steps in order, then its answer, and no connection is left", async () => {
    await listen();
    const steps: number[] = [];
    expect(await counted(100, { onStep: (at) => steps.push(at) })).toEqual({ is: "counted", to: 100 });
    expect(steps).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
    await eventually(() => served.length === 1, "the connection is over");
    expect(served).toEqual([{ done: true }]);
  });

  it.each([
    { of: "an older version", line: '{"version":2,"verb":"count","to":1}\n', code: "counter.other-version" },
    { of: "no version", line: '{"verb":"count","to":1}\n', code: "counter.malformed" },
    { of: "an unknown verb", line: '{"version":3,"verb":"toString","to":1}\n', code: "counter.malformed" },
    { of: "one field too many", line: '{"version":3,"verb":"tick","more":1}\n', code: "counter.malformed" },
    { of: "too long a line", line: `${"x".repeat(5_000)}\n`, code: "counter.malformed" },
    { of: "a line without an end", line: "x".repeat(100_000), code: "counter.malformed" },
    { of: "nothing", line: "", code: "counter.no-request" },
  ])("with $of is refused with a reason, and the next one is served", async ({ line, code }) => {
    await listen();
    expect(await said(line)).toMatchObject({ version: 3, is: "failed", code, message: expect.any(String) as string });
    expect(await counted(1)).toMatchObject({ to: 1 });
  });

  it("that is refused while it is still being sent breaks nothing under its asker", async () => {
    await listen();
    const asker = connect({ path: path(), allowHalfOpen: true });
    let answer = "";
    asker.setEncoding("utf8").on("data", (piece: string) => (answer += piece));
    asker.write("x".repeat(5_000));
    await once(asker, "end");
    let broken: unknown;
    asker.once("error", (failure) => (broken = failure));
    for (let count = 0; count < 20; count += 1) {
      asker.write("x".repeat(5_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(broken).toBeUndefined();
    asker.end();
    expect(JSON.parse(answer)).toMatchObject({ is: "failed", code: "counter.malformed" });
    await eventually(() => served.length === 1, "the connection is over");
  });

  it("that is refused is not repeated: it may hold a key", async () => {
    await listen();
    const { message } = await said('{"version":3,"verb":"count","to":"hush","secret":"hush"}\n');
    expect(message).toContain("its field to is wrong");
    expect(message).not.toContain("hush");
    expect(JSON.stringify(failures)).not.toContain("hush");
  });

  it("that never comes is not waited for", async () => {
    await listen({ requestDeadlineMs: 50 });
    const silent = connect(path());
    silent.resume();
    await once(silent, "close");
    await eventually(() => served.length === 1, "the connection is over");
    expect(served).toMatchObject([{ done: false, failure: { code: "counter.no-request" } }]);
  });

  it("whose asker does not read fills nobody's memory", async () => {
    let told = 0;
    tick = async (_, asker, tell) => {
      for (; !asker.aborted; told += 1) {
        tell({ is: "step", at: told, fill: "x".repeat(1_000) });
        await new Promise((resolve) => setImmediate(resolve));
      }
      return undefined;
    };
    await listen();
    const deaf = connect(path());
    deaf.pause().write('{"version":3,"verb":"tick"}\n');
    await eventually(() => served.length === 1, "the asker is given up");
    expect(told).toBeLessThan(2_000);
    deaf.destroy();
  });

  it("that was carried out is over, also when its answer is not taken", async () => {
    count = () => Promise.resolve({ is: "counted", to: 1, fill: "x".repeat(10_000_000) });
    await listen();
    const deaf = connect(path());
    deaf.pause().write('{"version":3,"verb":"count","to":1}\n');
    await eventually(() => served.length === 1, "the asker is given up");
    deaf.destroy();
  });
});

describe("whoever asks", () => {
  it("gives up on somebody who never answers", async () => {
    await stranger(() => undefined);
    const answer = counted(1, { deadlineMs: 200 });
    await expect(answer).rejects.toMatchObject({ code: "counter.no-answer", retryable: true });
    await expect(answer).rejects.toThrow("did not answer count within 200 ms");
  });

  it.each([
    { of: "hangs up", act: (socket: Socket) => void socket.end(), code: "counter.no-answer", retryable: true },
    {
      of: "speaks a newer version",
      act: (socket: Socket) => void socket.end('{"version":4,"is":"counted","to":1}\n'),
      code: "counter.other-version",
      retryable: true,
    },
    {
      of: "refuses in another version",
      act: (socket: Socket) =>
        void socket.end('{"version":9,"is":"failed","code":"counter.full","message":"m","retryable":true}\n'),
      code: "counter.full",
      retryable: true,
    },
    {
      of: "answers something else",
      act: (socket: Socket) => void socket.end('{"version":3,"is":"pong"}\n'),
      code: "counter.malformed",
      retryable: false,
    },
    {
      of: "never ends its line",
      act: (socket: Socket) => void socket.write("x".repeat(100_000)),
      code: "counter.malformed",
      retryable: false,
    },
  ])("is told when the other end $of", async ({ act, code, retryable }) => {
    await stranger(act);
    await expect(counted(1)).rejects.toMatchObject({ code, retryable });
  });

  it("is told that nobody is there", async () => {
    await expect(counted(1)).rejects.toMatchObject({ code: "counter.unreachable", retryable: true });
  });

  it("is understood by a release that wrote no version into its answers", async () => {
    await stranger((socket) => void socket.end('{"is":"counted","to":7}\n'));
    expect(await counted(7)).toEqual({ is: "counted", to: 7 });
  });

  it("gets its own reason when it is cancelled, and the other end learns of it", async () => {
    let begun = (): void => undefined;
    const has = new Promise<void>((resolve) => (begun = resolve));
    let gone = false;
    tick = async (_, asker, tell) => {
      tell({ is: "step", at: 1 });
      begun();
      await once(asker, "abort");
      gone = true;
      return undefined;
    };
    await listen();
    const over = new AbortController();
    const seen: number[] = [];
    const watching = (async () => {
      for await (const { at } of watch(TICK, {}, { socketPath: path(), signal: over.signal })) seen.push(at);
    })();
    await has;
    await eventually(() => seen.length === 1, "a step has come");
    over.abort(new Error("enough"));
    await watching;
    await eventually(() => gone, "the other end has learned of it");
    await expect(counted(1, { signal: over.signal })).rejects.toThrow("enough");
    expect(failures).toEqual([]);
  });
});

describe("a socket of ours", () => {
  it("takes so many connections at a time, and tells of each that is one too many", async () => {
    count = async (_, signal) => {
      await once(signal, "abort");
      return { is: "counted", to: 0 };
    };
    await listen({ maxConnections: 2 });
    const failures: Error[] = [];
    listener?.onError((failure) => failures.push(failure));
    const kept = [connect(path()), connect(path())];
    await Promise.all(kept.map((socket) => once(socket, "connect")));
    const third = connect(path());
    third.resume().on("error", () => undefined);
    await once(third, "close");
    expect(failures).toMatchObject([{ code: "wire.too-many-connections" }]);
    expect(failures[0]?.message).toContain("has 2 connections");
    expect(kept.map(({ destroyed }) => destroyed)).toEqual([false, false]);
    for (const socket of kept) socket.destroy();
  });

  it("is never put in the place of a file, nor of somebody who lives", async () => {
    await writeFile(path(), "precious");
    await expect(listen()).rejects.toMatchObject({ code: "counter.cannot-listen" });
    expect(await readFile(path(), "utf8")).toBe("precious");
    await rm(path());
    await listen();
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    const second = listenUnix({ path: path(), mode: 0o600, maxConnections: 1, refused }, () => undefined);
    await expect(second).rejects.toThrow(`another one answers on ${path()}`);
    expect(await counted(1)).toMatchObject({ to: 1 });
  });

  it.each([
    { instance: "3-812-0", may: true },
    { instance: "3-812-991", may: true },
    { instance: "3-812_4711-991", may: true },
    { instance: "3-812-992", may: false },
    { instance: "0", may: false },
    { instance: "3-812-", may: false },
    { instance: "3-812-99999999991", may: false },
    { instance: "3-812-1000", may: false, twice: true },
    { instance: "3-812-991", may: false, twice: true },
  ])("is asked by $instance: $may", async ({ instance, may, twice = false }) => {
    const passwd = join(dir, "passwd");
    const entry = (uid: number): string => `builder-control:x:${uid}:${uid}::/:/usr/sbin/nologin\n`;
    await writeFile(passwd, `root:x:0:0::/root:/bin/sh\n${entry(991)}${twice ? entry(1000) : ""}`);
    const asked = requirePeer(COUNTER, instance, "builder-control", passwd).then(
      () => "taken",
      (failure: unknown) => (failure instanceof AgentError ? failure.code : failure),
    );
    expect(await asked).toBe(may ? "taken" : "counter.peer-refused");
  });
});
