import { renameSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { inTree } from "../setup/tree.mjs";
import { noTally } from "./tally.mjs";

/**
 * A vitest reporter. Keeps the counts for tools/check.mjs in the file that BUILDER_AGENT_TALLY
 * names, after each test: a run that is ended by its limit has them, too. Vitest's JSON reporter
 * writes only at the end, leaves out why a test was skipped, and counts a file that does not even
 * load as no test.
 */
export class TallyReporter {
  /** @type {RegExp | undefined} */
  #wanted;
  #tally = noTally();

  /** @param {import("vitest/node").Vitest} vitest */
  onInit(vitest) {
    this.#wanted = vitest.config.testNamePattern;
  }

  /** @param {import("vitest/node").TestCase} test */
  onTestCaseReady(test) {
    this.#tally.running.push(nameOf(test));
    write(this.#tally);
  }

  /** @param {import("vitest/node").TestCase} test */
  onTestCaseResult(test) {
    this.#tally.running = this.#tally.running.filter((name) => name !== nameOf(test));
    this.#count(this.#tally, test);
    write(this.#tally);
  }

  /** @param {ReadonlyArray<import("vitest/node").TestModule>} modules */
  onTestRunEnd(modules) {
    const tally = { ...noTally(), isWhole: true };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      if (module.state() === "failed" && !tests.some((test) => test.result().state === "failed"))
        tally.failures.push({ name: relative(inTree(), module.moduleId), reason: gistOf(module.errors()) });
      for (const test of tests) this.#count(tally, test);
    }
    write(tally);
  }

  /** @param {import("./tally.mjs").Tally} tally @param {import("vitest/node").TestCase} test */
  #count(tally, test) {
    // Whoever names some tests has not skipped the others.
    if (this.#wanted && !this.#wanted.test(test.fullName.replaceAll(" > ", " "))) return;
    const result = test.result();
    if (result.state === "passed") tally.passed += 1;
    else if (result.state === "failed") tally.failures.push({ name: nameOf(test), reason: gistOf(result.errors) });
    else tally.skipped.push({ name: test.fullName, reason: noteOf(result) });
  }
}

/**
 * Whole at each moment: whoever reads it may be about to end us. @param
 * {import("./tally.mjs").Tally} tally
 */
function write(tally) {
  const path = process.env["BUILDER_AGENT_TALLY"];
  if (!path) return;
  writeFileSync(`${path}.draft`, JSON.stringify(tally));
  renameSync(`${path}.draft`, path);
}

/** @param {import("vitest/node").TestCase} test */
const nameOf = (test) => `${relative(inTree(), test.module.moduleId)} > ${test.fullName}`;

/** @param {import("vitest/node").TestResult} result */
const noteOf = (result) => ("note" in result && result.note) || "no reason given";

/**
 * With what a generated test prints second: the seed and the path that find it again.
 * @param {ReadonlyArray<{ message: string }>} errors
 */
const gistOf = ([error]) => {
  const [first, second] = error?.message.split("\n", 2) ?? [];
  if (!first) return "no error was given";
  return second?.startsWith("{ seed:") ? `${first} ${second}` : first;
};
