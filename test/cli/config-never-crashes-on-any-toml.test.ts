import * as fc from "fast-check";
import { stringify } from "smol-toml";
import { expect, it } from "vitest";
import { fromFile } from "../../agent/cli/config/from-file.ts";
import { judge } from "../../agent/cli/config/judge.ts";
import { KEYS, SECTIONS } from "../../agent/cli/config/keys.ts";
import type { Problem } from "../../agent/cli/config/problem.ts";
import { isProblem, parseToml } from "../../agent/cli/config/toml-file.ts";

/**
 * Either a configuration or at least one problem, and each says what it is about, what was found
 * and what was expected.
 */
function expectConfigOrProblems(bytes: Uint8Array): void {
  const { config, problems } = outcome(bytes);
  expect(config === undefined).toBe(problems.length > 0);
  for (const { key, source, found, expected } of problems)
    expect([key || source.from, found, expected]).not.toContain("");
}

function outcome(bytes: Uint8Array): { readonly config?: unknown; readonly problems: readonly Problem[] } {
  const read = parseToml("config.toml", bytes);
  if (isProblem(read)) return { problems: [read] };
  const { candidates, problems } = fromFile(read);
  const verdict = judge(
    new Map(candidates.map((candidate) => [candidate.key.path, candidate])),
    SECTIONS,
    "/credentials",
  );
  const all = [...problems, ...verdict.problems];
  return { config: all.length === 0 ? verdict.config : undefined, problems: all };
}

const textOfAnything = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom("[", "]", "=", '"""', "\n", "__proto__"),
);

it("takes any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), expectConfigOrProblems));
});

it("takes any text of TOML's own words", () => {
  const words = fc.constantFrom(
    "[",
    "]",
    "=",
    ".",
    "\n",
    '"',
    "'''",
    "#",
    "1",
    "true",
    "nan",
    "{",
    "}",
    ",",
    "log",
    "level",
    "gateway",
    "__proto__",
    "constructor",
  );
  const text = fc.array(fc.oneof(words, textOfAnything), { maxLength: 40 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, (toml) => expectConfigOrProblems(new TextEncoder().encode(toml))),
    { numRuns: 1000 },
  );
});

it("takes any value for any key, known or not", () => {
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.double({ noDefaultInfinity: true }),
    fc.boolean(),
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("2100-01-01") }),
    fc.array(fc.integer()),
    fc.dictionary(fc.string(), fc.integer()),
  );
  const name = fc.oneof(fc.constantFrom(...KEYS.map((key) => key.name), "__proto__", "toString"), fc.string());
  const section = fc.oneof(fc.constantFrom<string>(...SECTIONS, "constructor"), fc.string());
  const table = fc.dictionary(section, fc.oneof(fc.dictionary(name, value), value));
  fc.assert(
    fc.property(table, (config) => expectConfigOrProblems(new TextEncoder().encode(stringify(config)))),
    {
      numRuns: 1000,
    },
  );
});

it("takes nesting deeper than any stack", () => {
  expectConfigOrProblems(new TextEncoder().encode(`x = ${"[".repeat(100_000)}`));
});
