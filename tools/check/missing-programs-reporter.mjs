import { whyMissing } from "../setup/missing-program.mjs";

/** How Node, a shell, Go and systemd's programs say that a program is not on PATH. */
const SAID = [
  /\bspawn(?:Sync)? ([\w.+-]+) ENOENT/g,
  /^(?:\S*sh|env|setpriv|nsenter|unshare|setsid|flock|timeout|xargs)(?:: (?:line )?\d+)?: (?:failed to execute |cannot run command )?['‘"]?([\w.+-]+)['’"]?: (?:command not found|not found|No such file or directory)/gm,
  /exec: "([\w.+-]+)": executable file not found in \$PATH/g,
];

/**
 * A vitest reporter. Says of each program that a failed test did not find who ought to have
 * declared it.
 */
export class MissingProgramsReporter {
  /** @param {ReadonlyArray<import("vitest/node").TestModule>} modules */
  onTestRunEnd(modules) {
    const errors = modules.flatMap((module) => [
      ...module.errors(),
      ...[...module.children.allSuites()].flatMap((suite) => suite.errors()),
      ...[...module.children.allTests()].flatMap((test) => test.result().errors ?? []),
    ]);
    for (const why of new Set(errors.flatMap(wordsOf).flatMap(missingIn))) process.stdout.write(`not found: ${why}\n`);
  }
}

/** @param {string} words What a program or Node said. */
export function missingIn(words) {
  const names = SAID.flatMap((pattern) => [...words.matchAll(pattern)]).map(([, name = ""]) => name);
  return [...new Set(names)].map(whyMissing);
}

/** @param {import("vitest").SerializedError | undefined} error @returns {string[]} */
const wordsOf = (error) => (error ? [error.message, ...wordsOf(error["cause"])] : []);
