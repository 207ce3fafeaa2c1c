import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import type { TestSpecification, Vitest } from "vitest/node";
import { inTree } from "../../sandbox/stack/tree.ts";
import { LONGEST, LongestFirst } from "../../tools/check/longest-first.mjs";

it.each(LONGEST)("%s is there", (name) => {
  expect(existsSync(inTree(`${name}.test.ts`))).toBe(true);
});

it("the longest files begin first, in their order, and all others after them", async () => {
  const [first = "", second = ""] = LONGEST;
  const names = ["test/core/a-short-one", second, "test/core/another", first];
  // As much of vitest as its own sorting looks at.
  const context = {
    config: { root: inTree(""), sequence: {} },
    cache: { getFileStats: () => undefined, getFileTestResults: () => undefined },
  };
  const project = { config: { sequence: { groupOrder: 0 }, isolate: true }, name: "" };
  const files = names.map((name) => ({ moduleId: inTree(`${name}.test.ts`), project, pool: "forks" }));
  // oxlint-disable-next-line unicorn/no-array-sort -- it is no array's
  const sorted = await new LongestFirst(context as unknown as Vitest).sort(files as unknown as TestSpecification[]);
  expect(sorted.map(({ moduleId }) => moduleId)).toEqual(
    [first, second, "test/core/a-short-one", "test/core/another"].map((name) => inTree(`${name}.test.ts`)),
  );
});
