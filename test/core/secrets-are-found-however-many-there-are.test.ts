import * as fc from "fast-check";
import { expect, it } from "vitest";
import { SecretIndex } from "../../agent/core/secret-index.ts";

const secret = (value: string | Uint8Array) => ({ reveal: () => value });

it("takes each out in every form, wherever it stands, and leaves all else as it was", () => {
  const word = fc.string({ minLength: 8, maxLength: 20, unit: fc.constantFrom(...'ab"é%x'.split("")) });
  const filler = fc.string({ maxLength: 12, unit: fc.constantFrom(..."zyw ".split("")) });
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 8 }),
      fc.array(filler, { minLength: 9, maxLength: 9 }),
      (words, fill) => {
        const held = words.map(secret);
        const index = new SecretIndex();
        for (const one of held) index.add(one);
        for (const form of [
          (one: string) => one,
          (one: string) => JSON.stringify(one).slice(1, -1),
          encodeURIComponent,
        ]) {
          const text = words.map((one, at) => `${fill[at]}|${form(one)}|`).join("");
          const shown = index.without(text);
          // One may be the beginning of another: what is left of that is less than a secret.
          expect(words.filter((one) => shown.includes(form(one)))).toEqual([]);
          expect(shown.replaceAll(/\[secret\][^|]*/g, "").replaceAll(/[ab\\"é%xA-F0-9C]/g, "")).toMatch(/^[zyw |]*$/);
        }
      },
    ),
    { numRuns: 300 },
  );
});

it("tells the same of a text in which there is none, also with the first letters of one", () => {
  const held = secret("password-1");
  const index = new SecretIndex();
  index.add(held);
  for (const text of ["", "short", "password-", "passwordpassword-2", "x".repeat(1_000)])
    expect(index.without(text)).toBe(text);
  expect(index.without("apassword-1password-1b")).toBe("a[secret][secret]b");
  expect(held.reveal()).toBe("password-1");
});

it("takes out the longer of two that begin alike", () => {
  const held = [secret("password"), secret("password-and-more")];
  const index = new SecretIndex();
  for (const one of held) index.add(one);
  expect(index.without("password-and-more, password")).toBe("[secret], [secret]");
  expect(held).toHaveLength(2);
});

it("searches a text in the same time, whether a hundred are held or ten thousand", () => {
  const tookMs = (count: number): number => {
    const held = Array.from({ length: count }, (_, at) => secret(`a secret of number ${at}`));
    const index = new SecretIndex();
    for (const one of held) index.add(one);
    index.without("taken in before it is measured");
    const text = "nothing of the kind is said here. ".repeat(300);
    const before = process.cpuUsage();
    for (let round = 0; round < 50; round += 1) index.without(text);
    expect(held).toHaveLength(count);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
  tookMs(100);
  // A search for each in turn takes a hundred times as long.
  expect(tookMs(10_000)).toBeLessThan(20 * tookMs(100) + 100);
});
