import { afterEach, beforeEach, expect, it } from "vitest";
import { type Board, newBoard } from "../../agent/control/board/board.ts";
import { watchUnits } from "../../agent/control/watch-units.ts";
import { RESTARTS, type UnitSeen } from "../../agent/core/units/own-units.ts";
import { ManualClock } from "./manual-clock.ts";

const GATEWAY: UnitSeen = {
  ...{ name: "builder-agent-gateway.service", load: "loaded", active: "active", result: "success", restarts: 0 },
  ...{ file: "static", isStale: false, dropIns: [] },
  settings: {
    ...{ User: "builder-gateway", PrivateNetwork: "yes", RootDirectory: "/run/builder-agent/root/gateway" },
    ...{ NoNewPrivileges: "yes", CapabilityBoundingSet: "", PrivateUsers: "yes", ProtectSystem: "strict" },
  },
};

let [board, clock, stop]: [Board, ManualClock, AbortController] = [
  newBoard(),
  new ManualClock(),
  new AbortController(),
];
let [looks, mark, unit, failure]: [number, string, UnitSeen, Error | undefined] = [0, "a", GATEWAY, undefined];
let over: Promise<void>;

beforeEach(() => {
  [board, clock, stop] = [newBoard(), new ManualClock(), new AbortController()];
  [looks, mark, unit, failure] = [0, "a", GATEWAY, undefined];
  const look = async (): Promise<readonly UnitSeen[]> => {
    looks += 1;
    if (failure !== undefined) throw failure;
    return [unit];
  };
  over = watchUnits({ ownUnits: { mark: () => mark, look }, clock }, board, stop.signal);
});

afterEach(async () => {
  stop.abort();
  await over;
});

it("starts no process while nothing changes and all is well", async () => {
  await clock.advance(20_000);
  const settled = looks;
  await clock.advance(3_600_000);
  expect([settled, looks]).toEqual([2, 2]);
});

it("looks within 2 s of a change, and once more when it has settled", async () => {
  await clock.advance(20_000);
  [looks, mark] = [0, "b"];
  await clock.advance(2_000);
  expect(looks).toBe(1);
  await clock.advance(60_000);
  expect(looks).toBe(2);
});

it("looks again while something is amiss, less and less often, and sees what was mended without a mark", async () => {
  unit = { ...GATEWAY, isStale: true };
  await clock.advance(60_000);
  expect(looks).toBeGreaterThan(3);
  looks = 0;
  await clock.advance(3_600_000);
  expect(looks).toBeLessThan(62);
  unit = GATEWAY;
  await clock.advance(62_000);
  expect(board.units.get()).toMatchObject({ at: "seen", units: [{ isStale: false }] });
});

const lately = (): number => {
  const view = board.units.get();
  return view.at === "seen" ? (view.lately[GATEWAY.name] ?? 0) : Number.NaN;
};

it("counts the restarts of five minutes, and calls them a loop no longer than that", async () => {
  await clock.advance(10_000);
  for (const restarts of [1, 2, 3]) {
    [unit, mark] = [{ ...GATEWAY, restarts }, `run ${restarts}`];
    await clock.advance(10_000);
  }
  expect(lately()).toBe(RESTARTS.areALoop);
  await clock.advance(310_000);
  expect(lately()).toBeLessThan(RESTARTS.areALoop);
  [unit, mark] = [GATEWAY, "started by hand"];
  await clock.advance(10_000);
  expect(lately()).toBe(0);
});

it("says so while the manager does not answer, and asks again", async () => {
  await clock.advance(10_000);
  [failure, mark] = [new Error("no bus"), "b"];
  await clock.advance(10_000);
  expect(board.units.get()).toEqual({ at: "unseen", because: "no bus" });
  failure = undefined;
  await clock.advance(20_000);
  expect(board.units.get().at).toBe("seen");
});

it("has none where the service manager is the launcher", async () => {
  const launched = newBoard();
  await watchUnits({ ownUnits: undefined, clock }, launched, stop.signal);
  expect(launched.units.get()).toEqual({ at: "none" });
});
