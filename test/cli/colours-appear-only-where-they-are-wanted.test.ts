import { afterEach, expect, it, vi } from "vitest";
import { terminal } from "../../agent/cli/output.ts";
import { painter } from "../../agent/cli/printing.ts";

afterEach(() => vi.unstubAllGlobals());

it.each([
  { isTTY: true, environment: {}, coloured: true },
  { isTTY: true, environment: { NO_COLOR: "" }, coloured: true },
  { isTTY: true, environment: { NO_COLOR: "0" }, coloured: false },
  { isTTY: true, environment: { TERM: "dumb" }, coloured: false },
  { isTTY: false, environment: {}, coloured: false },
  { isTTY: undefined, environment: {}, coloured: false },
])("on a terminal: $isTTY, with $environment: $coloured", ({ isTTY, environment, coloured }) => {
  vi.stubGlobal("process", { stdout: { isTTY, on: () => undefined }, stderr: { isTTY } });
  expect(terminal(environment).colours).toEqual({ out: coloured, err: coloured });
});

it("paints with the codes that every terminal knows, or not at all", () => {
  expect(painter(true)("red", "not ready")).toBe("\u001B[31mnot ready\u001B[0m");
  expect(painter(false)("red", "not ready")).toBe("not ready");
});
