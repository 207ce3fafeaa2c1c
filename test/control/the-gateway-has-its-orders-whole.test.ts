import { afterEach, beforeEach, expect, it } from "vitest";
import { newBoard } from "../../agent/control/board/board.ts";
import { instructGateway } from "../../agent/control/instruct-gateway.ts";
import { checkResult, desiredState, grant, NOW } from "../core/sample.ts";
import { settle } from "./manual-clock.ts";
import { GatewayStandIn } from "./stand-ins.ts";

let gateway: GatewayStandIn;
let board: ReturnType<typeof newBoard>;
let stop: AbortController;

beforeEach(() => {
  gateway = new GatewayStandIn();
  board = newBoard();
  stop = new AbortController();
  void instructGateway(gateway, board, stop.signal);
});
afterEach(() => stop.abort());

/** What it was told since it was last asked. */
async function told(): Promise<readonly string[]> {
  await settle();
  return gateway.told.splice(0);
}

async function confirmed(state = desiredState()): Promise<readonly string[]> {
  board.desired.set(state);
  board.plane.update((view) => ({ ...view, confirmedAt: NOW }));
  return told();
}

it("keeps what it has until the control plane has spoken", async () => {
  board.checks.set([checkResult()]);
  board.phase.set({ at: "ready" });
  expect(await told()).toEqual([]);
  board.desired.set(desiredState());
  expect(await told()).toEqual([]);
});

it("is given all of them when the desired state changes, and hears each confirmation", async () => {
  expect(await confirmed()).toEqual(["allow 7 open [b1]"]);
  board.plane.update((view) => ({ ...view, confirmedAt: { ...NOW, monoMs: NOW.monoMs + 1 } }));
  expect(await told()).toEqual(["confirm"]);
  expect(await confirmed(desiredState({ revision: 8n, grants: new Map() }))).toEqual(["allow 8 open []"]);
});

it("shuts its door while something is missing that a build needs, and not for anything else", async () => {
  await confirmed();
  board.checks.set([checkResult({ state: "failed", message: "Gone" })]);
  expect(await told()).toEqual(["allow 7 closed [b1]"]);
  board.checks.set([checkResult({ state: "failed", message: "Gone", sinceMs: 5 })]);
  expect(await told()).toEqual([]);
  board.checks.set([checkResult()]);
  expect(await told()).toEqual(["allow 7 open [b1]"]);
  board.checks.set([checkResult(), checkResult({ name: "records", neededByBuilds: false, state: "failed" })]);
  expect(await told()).toEqual([]);
});

it("keeps builds out that an ending does not wait for, and shuts at the end", async () => {
  await confirmed(
    desiredState({
      grants: new Map([
        ["b1", grant()],
        ["b2", grant({ buildId: "b2" })],
      ]),
    }),
  );
  board.frozen.set({ at: "these", builds: new Set(["b1"]) });
  expect(await told()).toEqual(["allow 7 open [b1]"]);
  board.phase.set({ at: "stopping", reason: "x" });
  expect(await told()).toEqual(["allow 7 closed [b1]"]);
});
