/**
 * @typedef {object} Outcome What one check found.
 * @property {string} name
 * @property {number} passed
 * @property {number} failed
 * @property {ReadonlyArray<{ name: string, reason: string }>} [failures] Which, where they are
 * many.
 * @property {ReadonlyArray<{ name: string, reason: string }>} [atSecondTry] Which passed then, and
 * why not at the first.
 * @property {ReadonlyArray<{ name: string, reason: string }>} skipped
 * @property {string} [on] What it ran on, or last said: a few words for the table.
 * @property {number} tookMs
 */

/** @param {Outcome} outcome */
export const failed = (outcome) => outcome.failed > 0;

/**
 * Prints how long each took, what failed, what was skipped, and the counts as the last line. @param
 * {readonly Outcome[]} outcomes @returns {number} The exit code.
 */
export function summarise(outcomes) {
  process.stdout.write(`\n${summaryOf(outcomes).join("\n")}\n`);
  return outcomes.some(failed) ? 1 : 0;
}

/** @param {readonly Outcome[]} outcomes @returns {readonly string[]} Lines. */
export function summaryOf(outcomes) {
  const totalMs = outcomes.reduce((sum, outcome) => sum + outcome.tookMs, 0);
  const lines = outcomes.map((outcome) => {
    const many = outcome.passed + outcome.failed > 1;
    const counts = many ? `  ${outcome.passed} passed, ${outcome.failed} failed` : "";
    const on = outcome.on ? `  (${outcome.on})` : "";
    return `${failed(outcome) ? "FAILED" : "ok    "}  ${row(outcome.name, outcome.tookMs)}${counts}${on}`;
  });
  lines.push(`        ${row("all", totalMs)}`);
  for (const outcome of outcomes) {
    const failures = outcome.failures ?? [];
    lines.push(...failures.map(({ name, reason }) => `failed in ${outcome.name}: ${name} (${reason})`));
  }
  for (const { name: check, atSecondTry = [] } of outcomes)
    lines.push(
      ...atSecondTry.map(({ name, reason }) => `passed at the second try in ${check}: ${name} (at first: ${reason})`),
    );
  const skipped = outcomes.flatMap((outcome) => outcome.skipped);
  lines.push(...skipped.map(({ name, reason }) => `skipped: ${name} (${reason})`));

  const passes = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const failures = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
  return [...lines, "", `${passes} passed, ${failures} failed, ${skipped.length} skipped`];
}

/** @param {string} name @param {number} tookMs */
const row = (name, tookMs) => `${name.padEnd(12)}${(tookMs / 1000).toFixed(1).padStart(7)} s`;
