import { expect, it } from "vitest";
import { EVENT_GROUPS } from "../../agent/core/events/index.ts";
import { LineBudget } from "../../agent/core/line-budget.ts";

const HOUR_MS = 60 * 60_000;

/** A thousand a second for so long; what each line says of those before it. */
function told(event: string, forMs: number): readonly number[] {
  const budget = new LineBudget();
  const lines: number[] = [];
  for (let nowMs = 0; nowMs < forMs; nowMs += 1) {
    const untold = budget.take(event, nowMs);
    if (untold !== undefined) lines.push(untold);
  }
  return lines;
}

it("has two hundred lines of what comes at once, then one a second that says how many were left out", () => {
  const lines = told("desired-state.refused", 100_000);
  expect(lines.length).toBeGreaterThan(290);
  expect(lines.length).toBeLessThan(310);
  expect(lines.slice(0, 200)).toEqual(Array.from({ length: 200 }, () => 0));
  expect(lines.at(-1)).toBe(999);
});

it("has each line of what comes once a second for an hour", () => {
  const budget = new LineBudget();
  for (let nowMs = 0; nowMs < HOUR_MS; nowMs += 1_000) expect(budget.take("policy.applied", nowMs)).toBe(0);
});

it.each(["session.opened", "session.closed", "session.refused", "call.refused", "buildkit.log"])(
  "has a line for each %s, however many there are",
  (event) => {
    expect(told(event, 5_000)).toHaveLength(5_000);
  },
);

it("of every other event there is, also of one that was declared since, has no more than those", () => {
  const each = new Set(["session.opened", "session.closed", "session.refused", "call.refused"]);
  const names = EVENT_GROUPS.flatMap(({ events }) => Object.keys(events)).filter((name) => !name.endsWith(".log"));
  const unbounded = names.filter((name) => told(name, 5_000).length > 210);
  expect(new Set(unbounded)).toEqual(each);
});

it("one event's flood takes no line from another", () => {
  const budget = new LineBudget();
  for (let line = 0; line < 1_000; line += 1) budget.take("desired-state.refused", 0);
  expect(budget.take("desired-state.accepted", 0)).toBe(0);
  expect(budget.take("desired-state.refused", 0)).toBeUndefined();
});
