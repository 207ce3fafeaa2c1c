import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { configJsonSchema } from "../../agent/cli/config/json-schema.ts";
import { between } from "../../tools/docs/between.mjs";

it("keeps the JSON Schema in the repository current", async () => {
  const kept = await readFile(new URL("../../docs/config.schema.json", import.meta.url), "utf8");
  expect(JSON.parse(kept)).toEqual(configJsonSchema());
});

it("writes between its markers and nowhere else", () => {
  const text = "before\n<!-- table:begin -->\nold\n<!-- table:end -->\nafter\n";
  const written = "before\n<!-- table:begin -->\n\nnew\n\n<!-- table:end -->\nafter\n";
  expect(between(text, "table", "new\n")).toBe(written);
  expect(between(written, "table", "new\n")).toBe(written);
});

it.each(["", "<!-- table:begin -->", "<!-- table:end --><!-- table:begin -->"])("writes nothing into %j", (text) => {
  expect(between(text, "table", "new\n")).toBeUndefined();
});
