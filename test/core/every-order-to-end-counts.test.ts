import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EndOrder, endingOf, withOrder } from "../../agent/core/end-orders.ts";

const order = (over: Partial<EndOrder> = {}): EndOrder => ({
  from: "signal",
  reason: "told to stop",
  deadlineMonoMs: 1_000,
  ...over,
});
const book = (...orders: readonly EndOrder[]) => orders.reduce<readonly EndOrder[]>(withOrder, []);
const anyOrder = fc.record({
  from: fc.constantFrom<EndOrder["from"]>("signal", "control-plane", "refusal", "provider", "operator"),
  reason: fc.constantFrom("a", "b"),
  deadlineMonoMs: fc.nat(10_000),
  hurry: fc.boolean(),
});

describe("the orders to end", () => {
  it("are none at first", () => {
    expect(endingOf([])).toBeUndefined();
  });

  it("come to the earliest deadline of all, whatever their order and source, and to one entry a source", () => {
    fc.assert(
      fc.property(fc.array(anyOrder, { minLength: 1, maxLength: 40 }), (orders) => {
        const orderBook = book(...orders);
        const earliest = Math.min(...orders.map(({ deadlineMonoMs }) => deadlineMonoMs));
        expect(endingOf(orderBook)?.deadlineMonoMs).toBe(earliest);
        expect(endingOf(orderBook)?.hurry).toBe(orders.some(({ hurry }) => hurry));
        expect(endingOf(orderBook)?.reason).toBe(orders[0]?.reason);
        expect(orderBook.length).toBeLessThanOrEqual(5);
      }),
    );
  });

  it("that say again what was said are no news", () => {
    const before = book(order());
    expect(withOrder(before, order({ deadlineMonoMs: 5_000 }))).toBe(before);
    expect(withOrder(before, order())).toBe(before);
  });

  it.each([
    { from: ["signal"], ended: "stopped" },
    { from: ["control-plane", "signal"], ended: "drained" },
    { from: ["provider"], ended: "stopped" },
    { from: ["provider", "operator"], ended: "drained" },
    { from: ["signal", "refusal", "control-plane"], ended: "refused" },
  ] as const)("from $from end as $ended", ({ from, ended }) => {
    expect(endingOf(book(...from.map((source) => order({ from: source }))))?.ended).toBe(ended);
  });
});
