import { readIfThere } from "../setup/tree.mjs";

/** @typedef {{ name: string, reason: string }} Told What became of one test, in a line. */

/**
 * What has become of a run's tests so far. `running` names those that have begun and not ended;
 * `isWhole` is false until vitest has reported the end of the run.
 * @typedef {{ passed: number, failures: Told[], skipped: Told[], running: string[], isWhole:
 * boolean }} Tally
 */

/** @returns {Tally} */
export const noTally = () => ({ passed: 0, failures: [], skipped: [], running: [], isWhole: false });

/** @param {string} file @returns {Tally} */
export function readTally(file) {
  const text = readIfThere(file);
  return text ? parse(text) : noTally();
}

/** @type {(json: string) => Tally} */
const parse = JSON.parse;

/**
 * What a run of tests comes to. A run that did not end by itself counts as one failure more, which
 * says how far it came.
 * @param {string} name Of the check.
 * @param {Tally} tally
 * @param {import("./limited-child.mjs").End & { limitMs: number, why: string }} end `why` names
 *   what cut it short.
 */
export function outcomeOf(name, { passed, failures, skipped, running, isWhole }, { code, cutBy, limitMs, why }) {
  const told = [...failures];
  if (cutBy) {
    const ended = cutBy === "limit" ? `ended by its limit of ${minutes(limitMs)} min${why}` : `ended by ${why}`;
    const far = `${passed} had passed, ${failures.length} failed, ${skipped.length} been skipped`;
    const during = running.length > 0 ? `; these were running: ${running.join(", ")}` : "";
    told.push({ name: `the rest of ${name}`, reason: `${ended}: ${far}${during}` });
  }
  // What vitest refuses outside any test (no test found, an unhandled rejection) must not pass as
  // "0 failed".
  else if (code !== 0 && told.length === 0)
    told.push({ name: "vitest", reason: `exit code ${code}, though no test failed: see its output` });
  else if (code === 0 && !isWhole) told.push({ name: "vitest", reason: "ended well, and reported no end of its run" });
  return { name, passed, failed: told.length, failures: told, skipped };
}

/** @param {number} ms */
const minutes = (ms) => Math.round(ms / 6_000) / 10;
