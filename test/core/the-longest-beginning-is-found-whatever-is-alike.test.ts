import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { type Form, LongestPrefix } from "../../agent/core/longest-prefix.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const text = fc.string({ maxLength: 9, unit: fc.constantFrom("a", "b", "A") });

it("is what comparing with each of them finds", () => {
  fc.assert(
    fc.property(
      fc.array(text.filter(Boolean), { maxLength: 40 }),
      fc.array(text, { maxLength: 10 }),
      (texts, asked) => {
        const held: readonly Form[] = texts.map((one) => ({ text: one }));
        const alike = new LongestPrefix();
        for (const form of held) alike.add(new WeakRef(form));
        for (const one of asked) {
          const lengths = held.filter((form) => one.startsWith(form.text, 1)).map((form) => form.text.length);
          expect(alike.at(one, 1)).toBe(Math.max(0, ...lengths));
        }
      },
    ),
    { numRuns: 500 },
  );
});

/** They are sorted while they are there; nobody holds them after. */
function addForAWhile(alike: LongestPrefix): void {
  const others = Array.from({ length: 1_000 }, (_, at): Form => ({ text: `password-${at}` }));
  for (const form of others) alike.add(new WeakRef(form));
  expect(alike.at("password-999", 0)).toBe(others.at(-1)?.text.length);
}

it("is found among those that are still there", async () => {
  const alike = new LongestPrefix();
  const kept: Form = { text: "password" };
  alike.add(new WeakRef(kept));
  addForAWhile(alike);
  // What a weak reference was made of stays until the present turn is over.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(alike.at("password-999", 0)).toBe("password".length);
  expect(alike.sweep()).toBe(1);
  expect(kept.text).toBe("password");
});

it.each([
  { which: "that begin alike", one: (at: number) => "A".repeat(40) + at },
  { which: "each the beginning of the next", one: (at: number) => "A".repeat(9 + at) },
  { which: "each a little longer alike than the one before", one: (at: number) => `${"A".repeat(9 + at)}!` },
])("takes no time that grows with how many there are $which", ({ one }) => {
  const tookMs = (count: number): number => {
    const held = Array.from({ length: count }, (_, at): Form => ({ text: one(at) }));
    const alike = new LongestPrefix();
    for (const form of held) alike.add(new WeakRef(form));
    const asked = "A".repeat(2_000);
    alike.at(asked, 0);
    const before = process.cpuUsage();
    for (let at = 0; at < asked.length; at += 1) alike.at(asked, at);
    expect(held).toHaveLength(count);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
  tookMs(50);
  // To compare with each takes forty times as long.
  expect(tookMs(2_000)).toBeLessThan(15 * tookMs(50) + 100);
});
