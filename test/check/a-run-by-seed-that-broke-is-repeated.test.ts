import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { seededRun } from "../../tools/check/seeded-run.mjs";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "seeded-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

/** Breaks a promise so many times; notes the seed that each was given. */
function run(breaks: number, isTriedAgain: boolean) {
  const program = `
    const fs = require("node:fs");
    const [file, ...rest] = process.argv.slice(1);
    fs.appendFileSync(file, rest[rest.indexOf("--seed") + 1] + "\\n");
    const runs = fs.readFileSync(file, "utf8").trim().split("\\n").length;
    const isBroken = runs <= ${breaks};
    if (isBroken) console.log("  BROKEN: builds are right");
    console.log(isBroken ? "1 broken promises" : "0 broken promises");
    process.exitCode = isBroken ? 1 : 0;`;
  const command = [process.execPath, "-e", program, "--", join(dir, "seeds")];
  return seededRun("chaos", { roomMs: 60_000, command, isTriedAgain });
}

async function seeds(): Promise<readonly string[]> {
  return (await readFile(join(dir, "seeds"), "utf8")).trim().split("\n");
}

it("repeats what broke once, by the same seed, and tells what was found at first", async () => {
  const outcome = await run(1, true);
  const [first, second, ...more] = await seeds();
  expect([second, more]).toEqual([first, []]);
  expect(outcome).toMatchObject({ passed: 1, failed: 0, failures: [] });
  expect(outcome.atSecondTry).toEqual([
    { name: `npm run chaos -- --seed ${first}`, reason: "exit code 1; BROKEN: builds are right; 1 broken promises" },
  ]);
});

it.each([
  { breaks: 2, isTriedAgain: true, runs: 2 },
  { breaks: 1, isTriedAgain: false, runs: 1 },
])("has failed what broke $breaks times, tried again: $isTriedAgain", async ({ breaks, isTriedAgain, runs }) => {
  expect(await run(breaks, isTriedAgain)).toMatchObject({ passed: 0, failed: 1, atSecondTry: [] });
  expect(await seeds()).toHaveLength(runs);
});
