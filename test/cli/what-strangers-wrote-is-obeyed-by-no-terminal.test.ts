import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { plainLines, plainWords } from "../../agent/core/plain-words.ts";

const OUTPUT = fileURLToPath(new URL("../../dist/agent/cli/output.js", import.meta.url));

it.each([
  { what: "that clears the screen", text: "\u001B[2J\u001B[H", shown: "\\u001b[2J\\u001b[H" },
  { what: "that hides what follows", text: "\u001B[8mroot", shown: "\\u001b[8mroot" },
  { what: "that is one byte of a C1 set", text: "\u009B31m", shown: "\\u009b31m" },
  { what: "that writes a title", text: "\u001B]0;owned\u0007", shown: "\\u001b]0;owned\\u0007" },
  { what: "that turns the direction", text: "a\u202Eb", shown: "a\\u202eb" },
  { what: "that goes back to the line's start", text: "failed\rok", shown: "failed\\u000dok" },
  { what: "that nobody sees, beyond the first plane", text: "\u{E0001}", shown: "\\udb40\\udc01" },
])("shows a text $what", ({ text, shown }) => {
  expect(plainWords(text)).toBe(shown);
  expect(plainLines(`${text}\n`)).toBe(`${shown}\n`);
});

it("leaves lines, tabs and the colours of our own as they are", () => {
  const ours = "\u001B[31mred\u001B[0m\t\u001B[1mbold\u001B[0m\n\u001B[2mdim\u001B[0m";
  expect(plainLines(ours)).toBe(ours);
  expect(plainWords("two\nlines")).toBe("two\\u000alines");
});

it("leaves JSON what it says", () => {
  const told = { message: "\u009B2J \u202E \u{E0001} é" };
  expect(JSON.parse(plainLines(`${JSON.stringify(told)}\n`))).toEqual(told);
});

it.each(["out", "err"] as const)("holds for every command, whatever it writes to %s", (to) => {
  const script = `
    import { terminal } from ${JSON.stringify(OUTPUT)};
    terminal({}).${to}("builder-agent: \\u001B[2Jgone \\u001B[31mred\\u001B[0m\\n");`;
  const run = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  expect({ out: run.stdout, err: run.stderr }[to]).toBe("builder-agent: \\u001b[2Jgone \u001B[31mred\u001B[0m\n");
});
