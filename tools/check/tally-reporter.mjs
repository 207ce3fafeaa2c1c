import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import { inTree } from "../setup/tree.mjs";

/** @typedef {{ name: string, reason: string }} Told What became of one test, in a line. */
/** @typedef {{ passed: number, failures: Told[], skipped: Told[] }} Tally */

/**
 * A vitest reporter. Writes the counts for tools/check.mjs to the file that BUILDER_AGENT_TALLY names. Vitest's JSON reporter leaves out why a test was
 * skipped, and counts a file that does not even load as no test.
 */
export class TallyReporter {
  /** @type {RegExp | undefined} */
  #wanted;

  /** @param {import("vitest/node").Vitest} vitest */
  onInit(vitest) {
    this.#wanted = vitest.config.testNamePattern;
  }

  /** @param {ReadonlyArray<import("vitest/node").TestModule>} modules */
  onTestRunEnd(modules) {
    /** @type {Tally} */
    const tally = { passed: 0, failures: [], skipped: [] };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      const file = relative(inTree(), module.moduleId);
      if (module.state() === "failed" && !tests.some((test) => test.result().state === "failed"))
        tally.failures.push({ name: file, reason: firstLine(module.errors()) });
      for (const test of tests) {
        // Whoever names some tests has not skipped the others.
        if (this.#wanted && !this.#wanted.test(test.fullName.replaceAll(" > ", " "))) continue;
        const result = test.result();
        if (result.state === "passed") tally.passed += 1;
        else if (result.state === "failed")
          tally.failures.push({ name: `${file} > ${test.fullName}`, reason: firstLine(result.errors) });
        else tally.skipped.push({ name: test.fullName, reason: noteOf(result) });
      }
    }
    const path = process.env["BUILDER_AGENT_TALLY"];
    if (path) writeFileSync(path, JSON.stringify(tally));
  }
}

/** @param {import("vitest/node").TestResult} result */
const noteOf = (result) => ("note" in result && result.note) || "no reason given";

/** @param {ReadonlyArray<{ message: string }>} errors */
const firstLine = ([error]) => error?.message.split("\n", 1)[0] || "no error was given";
