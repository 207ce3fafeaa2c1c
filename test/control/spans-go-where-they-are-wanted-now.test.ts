import { afterEach, beforeEach, expect, it } from "vitest";
import { newBoard } from "../../agent/control/board/board.ts";
import { sendTraces } from "../../agent/control/send-traces.ts";
import type { OrderedTraces, OwnTraces } from "../../agent/core/traces/target.ts";
import type { TraceProgress } from "../../agent/core/traces/view.ts";
import type { Traces } from "../../agent/ports/traces.ts";
import { desiredState } from "../core/sample.ts";
import { settle } from "./manual-clock.ts";
import { notebook } from "./stand-ins.ts";

let board: ReturnType<typeof newBoard>;
let log: ReturnType<typeof notebook>;
let sent: { readonly to: string; readonly note: (progress: TraceProgress) => void; readonly signal: AbortSignal }[];
let stop: AbortController;
let over: Promise<void>;

beforeEach(() => {
  board = newBoard();
  log = notebook();
  sent = [];
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await over;
});

const traces: Traces = {
  tell: () => undefined,
  send: (target, _machineId, note, signal) => {
    sent.push({ to: target?.shown ?? "nobody", note, signal });
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  },
};
const order = (otlpEndpoint: string): OrderedTraces => ({ otlpEndpoint, headers: new Map(), sessionPercent: 100 });
function begin(own: Partial<OwnTraces> = {}): void {
  over = sendTraces({ traces, log }, board, { sessionPercent: 100, ...own }, stop.signal);
}
const tos = (): readonly string[] => sent.map(({ to }) => to);
const running = (): readonly string[] => sent.filter(({ signal }) => !signal.aborted).map(({ to }) => to);

it("an order, another one, one that is not followed and none each take the place of the one before", async () => {
  begin();
  await settle();
  expect(board.traces.get()).toEqual({ at: "waiting" });
  const states = [order("https://a.example"), order("https://b.example"), order("https://[::1]"), undefined];
  for (const [at, traced] of states.entries()) {
    board.desired.set(desiredState({ revision: BigInt(at + 2), ...(traced && { traces: traced }) }));
    await settle();
    expect(running()).toHaveLength(1);
  }
  expect(tos()).toEqual(["nobody", "https://a.example", "https://b.example", "nobody", "nobody"]);
  expect(board.traces.get()).toMatchObject({ at: "off" });
  expect(log.events).toEqual(["traces.sending", "traces.sending", "traces.order-refused"]);
});

it("a new state that says the same of spans interrupts nothing", async () => {
  begin();
  for (const revision of [2n, 3n]) {
    board.desired.set(desiredState({ revision, traces: order("https://a.example") }));
    await settle();
  }
  expect(tos()).toEqual(["nobody", "https://a.example"]);
});

it("this machine's own endpoint is sent to from the start, whatever is ordered; how it fares is shown", async () => {
  begin({ otlpEndpoint: "http://own.example:4318" });
  board.desired.set(desiredState({ revision: 2n, traces: order("https://a.example") }));
  await settle();
  expect(tos()).toEqual(["http://own.example:4318"]);
  sent[0]?.note({ failing: "It answered 401" });
  expect(board.traces.get()).toEqual({ at: "sending", to: "http://own.example:4318", failing: "It answered 401" });
  sent[0]?.note({ lastAcceptedMs: 5 });
  expect(board.traces.get()).toEqual({ at: "sending", to: "http://own.example:4318", lastAcceptedMs: 5 });
});
