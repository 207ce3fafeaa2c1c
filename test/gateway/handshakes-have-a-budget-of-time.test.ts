import { describe, expect, it } from "vitest";
import { HandshakeBudget } from "../../agent/gateway/handshake-budget.ts";

const DEAR_MS = 100;
const CHEAP_MS = 2;
const HOUR_MS = 60 * 60_000;

/** One that knows what is ordinary here. */
function afterAClient(): HandshakeBudget {
  const budget = new HandshakeBudget();
  budget.learn(CHEAP_MS);
  return budget;
}

/** Dear handshakes of `source`, a second apart, until it is barred; when that was. */
function offend(budget: HandshakeBudget, source: string, fromMs: number): number {
  for (let atMs = fromMs; atMs < fromMs + 10_000; atMs += 1_000) {
    budget.charge(source, DEAR_MS, atMs);
    if (budget.isBarred(source, atMs)) return atMs;
  }
  throw new Error("never barred");
}

/** How long `source` is barred from `fromMs` on, in whole seconds. */
function barredForMs(budget: HandshakeBudget, source: string, fromMs: number): number {
  let atMs = fromMs;
  while (budget.isBarred(source, atMs)) atMs += 1_000;
  return atMs - fromMs;
}

describe("a source whose handshakes are dear", () => {
  it("is barred after a few, and longer each time, up to ten minutes", () => {
    const budget = afterAClient();
    const bars: number[] = [];
    let atMs = 0;
    for (let round = 0; round < 9; round += 1) {
      atMs = offend(budget, "a", atMs);
      bars.push(barredForMs(budget, "a", atMs));
      atMs += bars.at(-1) ?? 0;
    }
    expect(bars.map((ms) => ms / 1_000)).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600]);
  });

  it("begins anew after an hour without offence", () => {
    const budget = afterAClient();
    const first = offend(budget, "a", 0);
    const second = offend(budget, "a", first + 10_000);
    expect(barredForMs(budget, "a", second)).toBe(10_000);
    expect(barredForMs(budget, "a", offend(budget, "a", second + HOUR_MS + 10_000))).toBe(5_000);
  });

  it("is barred although its builds were let in, and bars nobody else", () => {
    const budget = afterAClient();
    budget.vouch("a", 0);
    const atMs = offend(budget, "a", 0);
    expect(budget.isKnown("a", atMs)).toBe(true);
    expect(budget.isBarred("b", atMs)).toBe(false);
  });

  it("is forgotten among thousands, one that offends again is not", () => {
    const budget = afterAClient();
    const atMs = offend(budget, "forgotten", 0);
    offend(budget, "kept", 0);
    for (let each = 0; each < 4_095; each += 1) budget.charge(`source ${each}`, DEAR_MS, atMs);
    expect([budget.isBarred("forgotten", atMs), budget.isBarred("kept", atMs)]).toEqual([false, true]);
  });
});

it("ordinary handshakes bar nobody, however many", () => {
  const budget = afterAClient();
  for (let atMs = 0; atMs < 60_000; atMs += CHEAP_MS) budget.charge("a", CHEAP_MS, atMs);
  expect(budget.isBarred("a", 60_000)).toBe(false);
  expect(budget.isResting(60_000)).toBe(false);
});

it("a pause of ours now and then bars nobody: 30 ms every second", () => {
  const budget = afterAClient();
  for (let atMs = 0; atMs < 60_000; atMs += 1_000) {
    budget.charge("a", 30, atMs);
    expect(budget.isBarred("a", atMs)).toBe(false);
  }
});

it("one pause of the host bars nobody, however long", () => {
  const budget = afterAClient();
  budget.charge("a", 3_000, 0);
  expect(budget.isBarred("a", 0)).toBe(false);
  budget.charge("a", DEAR_MS, 100);
  expect(budget.isBarred("a", 100)).toBe(true);
});

it("pauses of a busy host bar nobody whose clients are let in: one handshake in ten meets 40 ms", () => {
  const budget = afterAClient();
  for (let each = 0; each < 1_000; each += 1) {
    const atMs = each * 10;
    budget.vouch("a", atMs);
    budget.charge("a", each % 10 === 0 ? 40 : CHEAP_MS, atMs);
    expect(budget.isBarred("a", atMs)).toBe(false);
  }
});

it("clients that are let in do not make up for dear ones: five a second, and two dear ones", () => {
  const budget = afterAClient();
  for (let each = 0; each < 5; each += 1) budget.vouch("a", each * 200);
  budget.charge("a", DEAR_MS, 500);
  budget.charge("a", DEAR_MS, 1_000);
  expect(budget.isBarred("a", 1_000)).toBe(true);
});

it("after a dear step the thread is the sessions' for four times as long", () => {
  const budget = afterAClient();
  budget.charge("a", DEAR_MS, 1_000);
  expect([budget.isResting(1_399), budget.isResting(1_400)]).toEqual([true, false]);
});

describe("sources without a good handshake", () => {
  it("have a quarter of the time together, however many they are", () => {
    const budget = afterAClient();
    let spentMs = 0;
    for (let atMs = 0; atMs < 60_000; atMs += 1)
      if (budget.strangersMay(atMs)) {
        budget.charge(`source ${atMs}`, CHEAP_MS, atMs);
        spentMs += CHEAP_MS;
      }
    expect(spentMs / 60_000).toBeGreaterThan(0.24);
    expect(spentMs / 60_000).toBeLessThan(0.26);
  });

  it("cannot use up the time of a known one, nor it theirs", () => {
    const budget = afterAClient();
    budget.vouch("known", 0);
    for (let each = 0; each < 200; each += 1) budget.charge("known", CHEAP_MS, 0);
    expect(budget.strangersMay(0)).toBe(true);
    for (let each = 0; each < 200; each += 1) budget.charge("stranger", CHEAP_MS, 0);
    expect(budget.strangersMay(0)).toBe(false);
    expect(budget.isKnown("known", 0)).toBe(true);
  });

  it("are known for a day after one", () => {
    const budget = afterAClient();
    budget.vouch("a", 0);
    expect([budget.isKnown("a", 24 * HOUR_MS - 1), budget.isKnown("a", 24 * HOUR_MS)]).toEqual([true, false]);
  });
});

describe("what is ordinary", () => {
  const SLOW_MS = 60;

  it("is more where those who are let in take more, so that a slow machine bars nobody for it", () => {
    const budget = new HandshakeBudget();
    // The first one finds everything cold.
    budget.charge("a", 700, 0);
    budget.learn(700);
    for (let each = 1; each < 50; each += 1) {
      budget.charge("a", SLOW_MS, each * 1_000);
      budget.learn(SLOW_MS);
    }
    for (let each = 0; each < 50; each += 1) budget.charge("b", SLOW_MS, 50_000);
    expect([budget.isBarred("a", 50_000), budget.isBarred("b", 50_000)]).toEqual([false, false]);
    expect(budget.isResting(50_000)).toBe(false);
  });

  it("is little again once they are quick, and never so much that nothing is dear", () => {
    const budget = new HandshakeBudget();
    for (let each = 0; each < 9; each += 1) budget.learn(10_000);
    for (let each = 0; each < 2; each += 1) budget.charge("a", 2_000, 0);
    expect(budget.isBarred("a", 0)).toBe(true);
    for (let each = 0; each < 5; each += 1) budget.learn(CHEAP_MS);
    budget.charge("b", DEAR_MS, 0);
    expect(budget.isResting(0)).toBe(true);
    offend(budget, "b", 1_000);
  });
});
