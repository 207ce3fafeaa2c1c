import { expect, it } from "vitest";
import { type AgentPorts, runAgent } from "../../agent/control/agent.ts";
import { newBoard } from "../../agent/control/board/board.ts";
import { knownOf } from "../../agent/control/examine.ts";
import { examined } from "../../agent/core/checks/examine.ts";
import { CHECKS } from "../../agent/core/checks/register.ts";
import type { ObservedState } from "../../agent/core/observed-state.ts";
import { readiness } from "../../agent/core/readiness.ts";
import { FIXED, NOW } from "../core/sample.ts";
import { ManualClock } from "./manual-clock.ts";
import { NO_MANAGER, NO_METERS, notebook } from "./stand-ins.ts";

it.each(CHECKS)("the check $name says nothing good of what nobody has looked at", (check) => {
  for (const requireEncryption of [true, false]) {
    const [found] = examined(knownOf(newBoard()), NOW, { ...FIXED, requireEncryption }, [check]);
    expect(found?.state).not.toBe("ok");
  }
});

/**
 * What the agent knows without asking anybody. The journal of records is on this machine's disk,
 * and is open before anything begins.
 */
const KNOWN_AT_ONCE = ["records"];

it("a whole agent whose every far end is silent finds nothing well, and is never ready", async () => {
  const clock = new ManualClock();
  const shown: ObservedState[] = [];
  // Its time stands still once the test has ended, and so does it: nobody would answer its goodbye.
  void runAgent(
    silentPorts({ clock, log: notebook(), board: { show: (state) => void shown.push(state) } }),
    {
      cacheRoot: "/cache",
      cache: { requireEncryption: false, filesystem: "ext4" },
      capabilities: [],
      addresses: { controlPlane: "cp.example:443", gateway: "0.0.0.0:8443", health: "127.0.0.1:9464" },
      startedMonoMs: 0,
      traces: { sessionPercent: 100 },
      ending: { graceMs: 1_000, buildkitGraceMs: 1_000 },
    },
    { stop: new AbortController().signal, hurry: new AbortController().signal },
  );
  await clock.advance(600_000);
  const looked = shown.filter(({ checks }) => checks.length > 0);
  expect(looked.at(-1)?.checks.map(({ name }) => name)).toEqual(CHECKS.map(({ name }) => name));
  const green = looked.flatMap(({ checks }) => checks.filter(({ state }) => state === "ok").map(({ name }) => name));
  expect([...new Set(green)]).toEqual(KNOWN_AT_ONCE);
  expect(shown.filter(({ phase, checks }) => readiness(phase, checks, new Set()).ready)).toEqual([]);
}, 15_000);

/** Everything that the agent asks of the outside: it takes each question, and never answers. */
function silentPorts(own: Pick<AgentPorts, "clock" | "log" | "board">): AgentPorts {
  const silent = Object.fromEntries(Object.keys(EACH_PORT).map((name) => [name, silence()]));
  return {
    ...silent,
    ...own,
    meters: NO_METERS,
    ownUnit: NO_MANAGER,
    machine: Object.assign(silence(), { bootId: async () => "boot" }),
    records: Object.assign(silence(), { counts: { waiting: 0, dropped: 0 } }),
    troubles: { load: async () => undefined, save: async () => undefined },
    keptOrders: { load: async () => undefined, save: async () => undefined, forget: async () => undefined },
    ownRuntime: Object.assign(silence(), { nodeVersion: "v0.0.0" }),
    cas: { pinned: [], read: () => [] },
    operators: undefined,
    diagnostics: undefined,
  } as unknown as AgentPorts;
}

/** A row each, so that the compiler asks for a new one's. */
const EACH_PORT: Readonly<Record<keyof AgentPorts, true>> = {
  assignment: true,
  board: true,
  buildNetwork: true,
  buildkitCache: true,
  cacheFilesystem: true,
  cacheVolume: true,
  cas: true,
  certificates: true,
  clock: true,
  configuration: true,
  debug: true,
  diagnostics: true,
  evidence: true,
  gateway: true,
  identityStore: true,
  installed: true,
  keptOrders: true,
  keyUnwrap: true,
  keys: true,
  log: true,
  machine: true,
  meters: true,
  names: true,
  notices: true,
  operators: true,
  ownRuntime: true,
  ownUnit: true,
  ownUnits: true,
  plainCache: true,
  plane: true,
  preparation: true,
  probe: true,
  records: true,
  tailnet: true,
  traces: true,
  trial: true,
  troubles: true,
  unit: true,
};

/**
 * A port, a verb of one, and its answer at once: a promise that only its signal ends, a stream that
 * brings nothing before.
 */
function silence(signal?: AbortSignal): object {
  const ended = new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
  return new Proxy(() => undefined, {
    get(own: object, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name) as unknown;
      if (name === "then") {
        if (signal === undefined) return signal;
        return (_: unknown, reject: (reason: unknown) => void) => void ended.then(() => reject(signal.reason));
      }
      if (name === Symbol.asyncIterator)
        return async function* nothing() {
          await ended;
          yield* [];
        };
      return silence();
    },
    apply: (_, __, args: readonly unknown[]) => silence(signalAmong(args)),
  });
}

function signalAmong(args: readonly unknown[]): AbortSignal {
  return args.find((one) => one instanceof AbortSignal) ?? new AbortController().signal;
}
