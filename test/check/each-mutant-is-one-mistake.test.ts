import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import { instrument } from "../../tools/mutate/instrument.mjs";
import { shuffled } from "../../tools/mutate/order.mjs";
import { type Judged, reportOf } from "../../tools/mutate/report.mjs";
import { Session } from "../../tools/mutate/session-client.mjs";

const SHORTENED = 100;

/**
 * What each mutant of a function's body makes it give, by what is changed; "" is the function as it
 * is.
 */
async function givenBy(body: string, ...given: readonly unknown[]): Promise<ReadonlyMap<string, unknown>> {
  const source = `export function f(...given) {\n${body}\n}`;
  const { code, mutants } = instrument("sample.ts", source, 1);
  const { f } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    f: (...args: unknown[]) => unknown;
  };
  const give = (living: number): unknown => {
    Object.assign(globalThis, { __mutant: (id: number) => id === living });
    try {
      return f(...given);
    } catch (thrown) {
      return String(thrown).slice(0, SHORTENED);
    }
  };
  return new Map([["", give(0)], ...mutants.map(({ id, what }): [string, unknown] => [what, give(id)])]);
}

describe("mutants", () => {
  it.each<{ what: string; body: string; given?: readonly unknown[]; as: unknown; changed: unknown }>([
    {
      what: "`<` → `<=` in `x < 3`",
      body: "const [x] = given; if (x < 3) return 'less'; return 'more';",
      given: [3],
      as: "more",
      changed: "less",
    },
    {
      what: "`<` → `>=` in `x < 3`",
      body: "const [x] = given; if (x < 3) return 'less'; return 'more';",
      given: [9],
      as: "more",
      changed: "less",
    },
    {
      what: "`if (x < 3)` never leaves early",
      body: "const [x] = given; if (x < 3) return 'less'; return 'more';",
      given: [1],
      as: "less",
      changed: "more",
    },
    {
      what: "`&&` → `||` in `x && y`",
      body: "const [x, y] = given; const both = x && y; return both;",
      given: [true, false],
      as: false,
      changed: true,
    },
    {
      what: "`x ?? 5` → its right side",
      body: "const [x] = given; const n = x ?? 5; return n;",
      given: [1],
      as: 1,
      changed: 5,
    },
    {
      what: "`.every` → `.some`",
      body: "const [x] = given; const all = x.every((each) => each); return all;",
      given: [[true, false]],
      as: false,
      changed: true,
    },
    {
      what: "`.every` → `.some`",
      body: "const [x] = given; const all = x?.y.every((each) => each); return all;",
      given: [{ y: [true, false] }],
      as: false,
      changed: true,
    },
    {
      what: "`.every` → `.some`",
      body: "const [x] = given; const all = x?.y.every((each) => each); return all;",
      given: [undefined],
      as: undefined,
      changed: undefined,
    },
    {
      what: "`.min` → `.max`",
      body: "const least = Math.min(...given); return least;",
      given: [1, 2],
      as: 1,
      changed: 2,
    },
    { what: "`1_024` × 32", body: "const most = 1_024; return most;", as: 1024, changed: 32_768 },
    { what: "`1_024` ÷ 32", body: "const most = 1_024; return most;", as: 1024, changed: 32 },
    { what: "`0` → one more", body: "const none = 0; return none;", as: 0, changed: 1 },
    { what: "`0n` → one more", body: "const none = 0n; return none;", as: 0n, changed: 1n },
    { what: "`true` → `false`", body: "const is = true; return is;", as: true, changed: false },
    { what: "`x.push(2);` left out", body: "const x = [1]; x.push(2); return x.length;", as: 2, changed: 1 },
    { what: "`x` → `undefined`", body: "const [x] = given; return x;", given: ["x"], as: "x", changed: undefined },
    { what: "`return` left out", body: "let n = 1; (() => { { return } n = 2; })(); return n;", as: 1, changed: 2 },
    {
      what: "`break;` left out",
      body: "let n = 1; for (;;) { n += 1; if (n > 8) throw 'far'; { break; } } return n;",
      as: 2,
      changed: "far",
    },
    {
      what: "`x` → its opposite",
      body: "const [x] = given; return x ? 'yes' : 'no';",
      given: [true],
      as: "yes",
      changed: "no",
    },
    {
      what: "`+` → `-` in `x + 4`",
      body: "const [x] = given; const sum = x + 4; return sum;",
      given: [4],
      as: 8,
      changed: 0,
    },
  ])("$what: $as becomes $changed", async ({ what, body, given = [], as, changed }) => {
    const found = await givenBy(body, ...given);
    expect(found.get("")).toEqual(as);
    expect([...found.keys()]).toContain(what);
    expect(found.get(what)).toEqual(changed);
  });

  it("leave types, names and text alone", () => {
    const source =
      'import { a } from "./12.ts";\nexport interface B { readonly c: 12; d?: true }\nexport const e = { "f": `12` };';
    expect(instrument("sample.ts", source, 1)).toEqual({ code: source, mutants: [] });
  });

  it("turn what makes the next state into what keeps the last one", () => {
    const source = "function next(view: View, open: number): View { return { ...view, open }; }";
    const { mutants } = instrument("sample.ts", source, 7);
    expect(mutants).toEqual([
      { id: 7, file: "sample.ts", line: 1, what: "`{ ...view, open }` → `undefined`" },
      { id: 8, file: "sample.ts", line: 1, what: "`{ ...view, open }` → `view`, as it was" },
    ]);
  });
});

describe("a sample", () => {
  const all = Array.from({ length: 1_000 }, (_, at) => at);

  it("is the same for the same seed, and another for another", () => {
    expect(shuffled(all, 4)).toEqual(shuffled(all, 4));
    expect(shuffled(all, 4)).not.toEqual(shuffled(all, 5));
    expect(shuffled(all, 4).toSorted((a, b) => a - b)).toEqual(all);
  });

  it("favours no part of the list", () => {
    const firstTenths = Array.from({ length: 100 }, (_, seed) => shuffled(all, seed).slice(0, 100)).flat();
    const mean = firstTenths.reduce((sum, each) => sum + each, 0) / firstTenths.length;
    expect(Math.abs(mean - 499.5)).toBeLessThan(15);
  });
});

it("a mutant is judged by what its own tests come to, whatever others noticed before it", {
  timeout: 120_000,
}, async () => {
  await using root = await TempDir.make("/tmp/mutants-");
  for (const folder of ["tools", "node_modules"]) await symlink(inTree(folder), join(root.path, folder));
  await mkdir(join(root.path, "test"));
  const files = {
    "seen.ts": "export const limit = 8;",
    "overlooked.ts": "export const limit = 8;",
    "test/seen.test.ts": `import { expect, it } from "vitest"; import { limit } from "../seen.ts";
      it("is eight", () => expect(limit).toBe(8));`,
    "test/overlooked.test.ts": `import { expect, it } from "vitest"; import { limit } from "../overlooked.ts";
      it("is a number", () => expect(limit).toBeTypeOf("number"));`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(root.path, name), text);
  const candidates = ["test/seen.test.ts", "test/overlooked.test.ts"];
  await using session = new Session({
    root: root.path,
    setupFile: join(root.path, "tools/mutate/switch.mjs"),
    firstIds: [
      ["seen.ts", 1],
      ["overlooked.ts", 2],
    ],
    candidates,
  });
  const run = async (test: string, mutant: number): Promise<unknown> =>
    JSON.parse(await session.ask({ is: "run", test, mutant }, 60_000)) as unknown;
  expect(JSON.parse(await session.ask({ is: "list" }, 60_000))).toEqual({ tests: candidates.toSorted() });
  expect(await run("test/seen.test.ts", 1)).toMatchObject({ ok: false });
  expect(await run("test/overlooked.test.ts", 2)).toMatchObject({ ok: true });
  expect(await run("test/seen.test.ts", 0)).toMatchObject({ ok: true });
});

it("the report counts by folder, lists who survived, and ends in a summary", () => {
  const judged: Judged[] = [
    { id: 1, file: "agent/core/a.ts", line: 3, what: "`1` → one more", fate: "killed", by: "test" },
    { id: 3, file: "agent/core/b.ts", line: 5, what: "`<` → `<=`", fate: "survived", by: "" },
    { id: 2, file: "agent/core/a.ts", line: 4, what: "`return` left out", fate: "unseen", by: "" },
    { id: 4, file: "agent/gateway/c.ts", line: 6, what: "`true` → `false`", fate: "timed-out", by: "test" },
  ];
  expect(reportOf(judged, 9, 42)).toEqual([
    "folder                   killed  survived  timed out",
    "agent/core                    1         2          0  33.3 %",
    "agent/gateway                 0         0          1  100.0 %",
    "",
    "agent/core/a.ts:4 `return` left out (no test runs it)",
    "agent/core/b.ts:5 `<` → `<=`",
    "",
    "4 mutants, sampled of 9 with seed 42: 1 killed, 2 survived, 1 timed out: 50.0 % killed",
  ]);
});
