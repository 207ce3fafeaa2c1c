import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { afterSecondTry, filesToTryAgain } from "../../tools/check/second-try.mjs";

const TIER = fileURLToPath(new URL("fixture/tier.mjs", import.meta.url));
const DEADLINE_MS = 120_000;

/** A whole tier of the fixture's files with these names; the last lines that it says. */
async function tier(...files: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), "second-try-"));
  try {
    const env = { FIXTURE_MARK: join(folder, "mark") };
    const { stdout, exitCode } = await execa(process.execPath, [TIER, ...files], { env, reject: false });
    return { lines: stdout.split("\n"), exitCode };
  } finally {
    await rm(folder, { recursive: true });
  }
}

it(
  "by itself, and passes then: both are told",
  async () => {
    const { lines, exitCode } = await tier("one-fails-at-first");
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^passed at the second try in fixture: test\/check\/fixture\/one-fails-at-first\.fixture\.ts > fails at first \(at first: a busy moment/,
      ),
    );
    expect(lines.at(-1)).toBe("2 passed, 0 failed, 0 skipped");
    expect(exitCode).toBe(0);
  },
  DEADLINE_MS,
);

it(
  "and fails again: it has failed, also where another one passes then",
  async () => {
    const { lines, exitCode } = await tier("one-fails-at-first", "one-always-fails");
    expect(lines).toContainEqual(expect.stringMatching(/^failed in fixture: .* > fails \(/));
    expect(lines.at(-1)).toBe("3 passed, 1 failed, 0 skipped");
    expect(exitCode).toBe(1);
  },
  DEADLINE_MS,
);

describe("is not tried again", () => {
  const failure = { name: "test/a/b.test.ts > c", reason: "timed out" };

  it.each([
    { what: "where many fail", failures: Array.from({ length: 4 }, () => failure) },
    { what: "what a generated test found", failures: [{ ...failure, reason: "Property failed after 223 tests" }] },
    { what: "a run that was cut short", failures: [failure, { name: "the rest of vitest", reason: "ended" }] },
    { what: "what vitest refuses outside any test", failures: [{ name: "vitest", reason: "exit code 1" }] },
  ])("$what", ({ failures }) => {
    expect(filesToTryAgain(failures)).toEqual([]);
  });

  it("and a few are: each file once", () => {
    expect(filesToTryAgain([failure, { ...failure, name: "test/a/b.test.ts > d" }, failure])).toEqual([
      "test/a/b.test.ts",
    ]);
  });
});

describe("counts", () => {
  const told = (name: string, reason = "x") => ({ name, reason });
  const run = { name: "vitest", passed: 0, failed: 0, failures: [], skipped: [] };

  it("a failure that only the second run had", () => {
    const first = { ...run, passed: 9, failed: 1, failures: [told("test/a.test.ts > one")] };
    const second = { ...run, passed: 1, failed: 1, failures: [told("test/a.test.ts > two")] };
    expect(afterSecondTry(first, second)).toMatchObject({ passed: 9, failed: 1, failures: second.failures });
  });

  it.each([
    { what: "skips it", second: { ...run, passed: 1, skipped: [told("one", "no root")] } },
    { what: "runs nothing", second: run },
    { what: "is cut short", second: { ...run, passed: 1, failed: 1, failures: [told("the rest of vitest")] } },
  ])("as failed what a second run that $what does not show to be well", ({ second }) => {
    const failure = told("test/a.test.ts > one");
    const first = { ...run, passed: 9, failed: 1, failures: [failure] };
    const whole = afterSecondTry(first, second);
    expect(whole).toMatchObject({ passed: 9, atSecondTry: [] });
    expect(whole.failures).toContainEqual(failure);
    expect(whole.failed).toBe(whole.failures.length);
  });

  it("the tests of a file that did not even start at first", () => {
    const skipped = [told("one", "no reason given"), told("two", "no reason given"), told("three", "not root")];
    const first = { ...run, passed: 9, failed: 1, failures: [told("test/a.test.ts")], skipped };
    expect(afterSecondTry(first, { ...run, passed: 2 })).toMatchObject({
      passed: 11,
      failed: 0,
      skipped: [told("three", "not root")],
    });
  });
});
