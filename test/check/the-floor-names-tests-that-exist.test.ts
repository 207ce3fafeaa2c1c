import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { FLOOR } from "../../tools/check/floor.mjs";

it.each(FLOOR)("$path", ({ path }) => {
  expect(existsSync(`test/${path}`)).toBe(true);
});
