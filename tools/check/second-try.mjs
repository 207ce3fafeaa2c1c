/** More than so many are no matter of chance. */
const MOST_FAILURES = 3;

/** What a generated test has found once stays found, whatever the next seed finds. */
const FOUND = /^Property failed/;

const FILE = /^(test\/\S+\.ts)(?: > |$)/;

/**
 * The files to be run once more, by themselves: of a few failed tests, on a machine that others
 * use as well. None where more is wrong.
 * @param {readonly import("./tally.mjs").Told[]} failures @returns {readonly string[]}
 */
export function filesToTryAgain(failures) {
  const files = failures.map(({ name, reason }) => (FOUND.test(reason) ? undefined : FILE.exec(name)?.[1]));
  if (files.length > MOST_FAILURES) return [];
  return files.every((file) => file !== undefined) ? [...new Set(files)] : [];
}

/**
 * @typedef {object} Try
 * @property {string} name
 * @property {number} passed
 * @property {number} failed
 * @property {import("./tally.mjs").Told[]} failures
 * @property {import("./tally.mjs").Told[]} skipped
 */

/**
 * What both runs come to: what failed at the second try has failed, whether it had before or not.
 * @param {Try} first @param {Try} second
 */
export function afterSecondTry(first, second) {
  const atSecondTry = first.failures.filter((failure) => hasPassed(failure, second));
  const still = first.failures.filter((failure) => !atSecondTry.includes(failure));
  const newly = second.failures.filter(({ name }) => !first.failures.some((failure) => failure.name === name));
  const failures = [...still, ...newly];
  // A file that failed as a whole had no tests then: they are those of the second run.
  const whole = atSecondTry.some(({ name }) => name.endsWith(".ts"));
  const more = whole ? second.passed : atSecondTry.length;
  const skipped = whole ? first.skipped.filter(({ reason }) => reason !== "no reason given") : first.skipped;
  return {
    ...first,
    passed: first.passed + more - newly.filter(({ name }) => FILE.test(name)).length,
    failed: failures.length,
    failures,
    skipped,
    atSecondTry,
  };
}

/**
 * What a second run did not come to, or skipped, is not known to be well.
 * @param {import("./tally.mjs").Told} failure @param {Try} second
 */
function hasPassed({ name }, { passed, failures, skipped }) {
  if (passed === 0 || failures.some((failure) => failure.name === name || !FILE.test(failure.name))) return false;
  return !skipped.some((skip) => name.endsWith(` > ${skip.name}`));
}
