/**
 * @typedef {object} Outcome What one check found.
 * @property {string} name
 * @property {number} passed
 * @property {number} failed
 * @property {ReadonlyArray<{ name: string, reason: string }>} [failures] Which, where they are many.
 * @property {ReadonlyArray<{ name: string, reason: string }>} skipped
 * @property {number} tookMs
 */

/** @param {Outcome} outcome */
export const failed = (outcome) => outcome.failed > 0;

/** Prints the table, what failed, what was skipped, and the counts as the last line. @param {readonly Outcome[]} outcomes @returns {number} The exit code. */
export function summarise(outcomes) {
  const lines = outcomes.map((outcome) => {
    const seconds = (outcome.tookMs / 1000).toFixed(1).padStart(7);
    const counts = outcome.passed + outcome.failed > 1 ? `  ${outcome.passed} passed, ${outcome.failed} failed` : "";
    return `${failed(outcome) ? "FAILED" : "ok    "}  ${outcome.name.padEnd(12)}${seconds} s${counts}`;
  });
  for (const outcome of outcomes) {
    const failures = outcome.failures ?? [];
    lines.push(...failures.map(({ name, reason }) => `failed in ${outcome.name}: ${name} (${reason})`));
  }
  const skipped = outcomes.flatMap((outcome) => outcome.skipped);
  lines.push(...skipped.map(({ name, reason }) => `skipped: ${name} (${reason})`));

  const passes = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const failures = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
  process.stdout.write(`\n${lines.join("\n")}\n\n${passes} passed, ${failures} failed, ${skipped.length} skipped\n`);
  return failures > 0 ? 1 : 0;
}
