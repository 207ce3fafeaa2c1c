import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { askAgent } from "../../agent/cli/ask-agent.ts";
import { exitCodeOf } from "../../agent/cli/exit-code.ts";
import type { EndingProgress } from "../../agent/core/ending-progress.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { DrainWish, Reconnected } from "../../agent/ports/operators.ts";
import { DeskRig } from "./operators-desk.ts";
import { type Recorded, runCli } from "./recorded-cli.ts";

const WAITING: EndingProgress = {
  at: "draining",
  reason: "kernel update (alice)",
  leftMs: 580_000,
  open: {
    sessions: 4,
    builds: 7,
    named: [
      { buildId: "b-1", sessions: 1 },
      ...["b-2", "b-3", "b-4", "b-5", "b-6"].map((buildId) => ({ buildId, sessions: 2 })),
    ],
  },
};

let rig: DeskRig;
let wishes: DrainWish[];
beforeEach(async () => {
  rig = await DeskRig.make();
  wishes = [];
});
afterEach(() => rig[Symbol.asyncDispose]());

const cli = (...argv: string[]): Promise<Recorded> =>
  runCli([...argv, "--paths-runtime-dir", rig.runtimeDir], { SUDO_USER: "alice" });
const drain = (wish: DrainWish): EndingProgress => {
  wishes.push(wish);
  return WAITING;
};

it("tells how far a drain is, and returns when the agent has ended", async () => {
  await rig.open({
    drain,
    watchEnding: async (tell) => {
      tell(WAITING);
      tell({ ...WAITING, leftMs: 579_000 });
      tell({ at: "buildkit", reason: WAITING.reason, leftMs: 500_000 });
      setTimeout(() => void rig.close(), 50);
      return { ended: "drained", reason: "x", undone: [] };
    },
  });
  const { code, out, err } = await cli("drain", "--deadline", "10m", "--reason", "kernel update");
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out.replace(/after .*:/, "after …:")).toBe(`\
draining (kernel update (alice)). New builds are refused; Ctrl-C ends the watching alone.
  waiting for 7 open builds: b-1, b-2 (2 sessions), b-3 (2 sessions), b-4 (2 sessions), b-5 (2 sessions), 2 more; cut in 9 min 40 s at the latest
  stopping BuildKit
drained after …: the agent has ended
`);
  expect(wishes).toEqual([{ graceMs: 600_000, hurry: false, reason: "kernel update (alice)" }]);
});

it("does not call a machine drained of which something was left undone, and says what", async () => {
  const undone = ["BuildKit was not seen to end", "2 session records are not acknowledged by the control plane"];
  await rig.open({
    drain,
    watchEnding: async () => {
      setTimeout(() => void rig.close(), 50);
      return { ended: "drained", reason: "x", undone };
    },
  });
  const { code, out } = await cli("drain");
  expect(code).toBe(1);
  expect(out.replace(/after .*:/, "after …:")).toBe(`\
not drained after …: the agent has ended
  BuildKit was not seen to end
  2 session records are not acknowledged by the control plane
`);
});

it("gives programs a document a line", async () => {
  await rig.open({
    drain,
    watchEnding: async (tell) => {
      tell(WAITING);
      setTimeout(() => void rig.close(), 50);
      return { ended: "drained", reason: "x", undone: [] };
    },
  });
  const { code, out } = await cli("drain", "--json");
  expect(code).toBe(0);
  expect(
    out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    { schemaVersion: 1, ...WAITING },
    { schemaVersion: 1, at: "over", ended: "drained", undone: [], isGone: true },
  ]);
  expect(wishes).toEqual([{ hurry: false, reason: "ordered by alice" }]);
});

it("leaves the drain to itself at Ctrl-C, says so, and does not call it good", async () => {
  const interrupt = new AbortController();
  let left = 0;
  await rig.open({
    drain,
    watchEnding: async (tell, signal) => {
      tell(WAITING);
      setTimeout(() => interrupt.abort("SIGINT"), 50);
      await once(signal, "abort");
      left += 1;
      throw new Error("nobody watches");
    },
  });
  const argv = ["drain", "--paths-runtime-dir", rig.runtimeDir];
  const { code, out, err } = await runCli(argv, {}, interrupt.signal);
  expect({ code, err }).toEqual({ code: 75, err: "" });
  expect(out).toContain("Not watched any more; the drain goes on. To see it: builder-agent drain, or");
  await rig.close();
  expect([wishes.length, left]).toEqual([1, 1]);
});

it("returns at once with --detach", async () => {
  await rig.open({ drain });
  const { code, out } = await cli("drain", "--now", "--detach");
  expect(code).toBe(0);
  expect(out).toMatch(
    /^draining \(kernel update \(alice\)\): waiting for 7 open builds: .*\nTo see it: builder-agent drain/,
  );
  expect(wishes).toEqual([{ graceMs: 0, hurry: true, reason: "ordered by alice" }]);
});

it("says that the agent broke off where it did", async () => {
  await rig.open({ drain, watchEnding: () => Promise.reject(new Error("The agent crashed")) });
  expect(await cli("drain")).toMatchObject({ code: 69, err: "builder-agent: The agent crashed\n" });
});

it.each([
  { argv: ["--deadline", "600"], err: /argument '600' is invalid. A time with its unit is wanted, such as 90s, 10m/ },
  { argv: ["--deadline", "5m", "--now"], err: /'--now' cannot be used with option '--deadline <time>'/ },
  { argv: ["--watch", "--detach"], err: /'--detach' cannot be used with option '--watch'/ },
])("refuses drain $argv before anything is ordered", async ({ argv, err }) => {
  await rig.open({ drain });
  const told = await cli("drain", ...argv);
  expect(told).toEqual({ code: 64, out: "", err: expect.stringMatching(err) as unknown });
  expect(wishes).toEqual([]);
});

const OUTCOMES: readonly { readonly outcome: Reconnected; readonly code: number; readonly out: RegExp }[] = [
  { outcome: { is: "attached", already: false, lastWordMs: 5 }, code: 0, out: /^attached to the control plane\n$/ },
  {
    outcome: { is: "attached", already: true, lastWordMs: 3_000 },
    code: 0,
    out: /^attached already: the control plane last spoke 3 s ago\n$/,
  },
  {
    outcome: { is: "not-attached", because: "connect ECONNREFUSED", nextTryMs: 40_000 },
    code: 1,
    out: /^not attached: connect ECONNREFUSED\nThe next try is in 40 s\.\nTo look at the way there: builder-agent doctor\n$/,
  },
  {
    outcome: { is: "no-outcome", afterMs: 30_000, because: "no answer" },
    code: 75,
    out: /^no outcome within 30 s; the try goes on\. The one before: no answer\n$/,
  },
];
it.each(OUTCOMES)("says what came of a reconnect: $outcome.is, $code", async ({ outcome, code, out }) => {
  await rig.open({ reconnect: async () => outcome });
  expect(await cli("reconnect")).toEqual({ code, err: "", out: expect.stringMatching(out) as unknown });
  const { is, ...rest } = outcome;
  expect(JSON.parse((await cli("reconnect", "--json")).out)).toEqual({ schemaVersion: 1, outcome: is, ...rest });
});

it.each(["drain", "reconnect"])("%s says that no agent runs, and how to start one", async (command) => {
  const { code, out, err } = await cli(command, "--json");
  expect(code).toBe(69);
  expect(err).toContain(`No agent runs here: nobody listens at ${rig.socket}. Start it (systemctl start`);
  expect(JSON.parse(out)).toMatchObject({ schemaVersion: 1, error: { code: "operators.not-running" } });
});

it("says that something else answers at the agent's place", async () => {
  const server = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\n"));
  server.listen(rig.socket);
  await once(server, "listening");
  expect(await cli("reconnect")).toMatchObject({
    code: 69,
    err: expect.stringContaining("is no builder-agent") as unknown,
  });
  server.close();
});

it("tells whom to ask where the caller may not", async () => {
  const cause = Object.assign(new Error("connect EACCES"), { code: "EACCES" });
  const unreachable = new AgentError("operators.unreachable", "x", { retryable: true, cause });
  const failure: unknown = await askAgent("/run/x.sock", () => Promise.reject(unreachable)).catch(
    (err: unknown) => err,
  );
  expect(failure).toMatchObject({
    code: "operators.forbidden",
    message: expect.stringMatching(
      /You may not ask the agent at \/run\/x.sock: .* builder-agent-operators NAME/,
    ) as unknown,
  });
  expect(exitCodeOf(failure)).toBe(77);
});
