import { dirname } from "node:path";

/**
 * `survived`: every test that runs it passes. `unseen`: no test runs it at all, so that it
 * survives, too. `timed-out` counts as killed.
 * @typedef {"killed" | "timed-out" | "survived" | "unseen"} Fate
 * @typedef {import("./instrument.mjs").Mutant & { fate: Fate, by: string }} Judged `by`: the test
 * that fails, and why.
 */

/**
 * @param {readonly Judged[]} judged @param {number} of How many mutants there are. @param {number}
 *   seed @returns {readonly string[]} Lines; the last is the summary.
 */
export function reportOf(judged, of, seed) {
  const folders = byFolder(judged);
  const rows = [...folders].toSorted(([a], [b]) => a.localeCompare(b)).map(([folder, each]) => row(folder, each));
  const survivors = judged.filter(({ fate }) => isAlive(fate)).toSorted((a, b) => a.id - b.id);
  const listed = survivors.map(
    ({ file, line, what, fate }) => `${file}:${line} ${what}${fate === "unseen" ? " (no test runs it)" : ""}`,
  );
  const [killed, late] = [count(judged, "killed"), count(judged, "timed-out")];
  const sampled = judged.length < of ? `, sampled of ${of} with seed ${seed}` : "";
  const summary = `${judged.length} mutants${sampled}: ${killed} killed, ${survivors.length} survived, ${late} timed out: ${share(judged)} killed`;
  return [
    `${"folder".padEnd(24)} killed  survived  timed out`,
    ...rows,
    "",
    ...listed,
    ...(listed.length > 0 ? [""] : []),
    summary,
  ];
}

/** @param {string} folder @param {readonly Judged[]} each */
function row(folder, each) {
  const survived = count(each, "survived") + count(each, "unseen");
  const columns = [count(each, "killed"), survived, count(each, "timed-out")];
  const widths = [7, 10, 11];
  return `${folder.padEnd(24)}${columns.map((n, at) => `${n}`.padStart(widths[at] ?? 0)).join("")}  ${share(each)}`;
}

/** @param {Fate} fate */
const isAlive = (fate) => fate === "survived" || fate === "unseen";

/** @param {readonly Judged[]} judged @param {Fate} fate */
const count = (judged, fate) => judged.filter((each) => each.fate === fate).length;

/** @param {readonly Judged[]} judged */
function share(judged) {
  const dead = judged.filter(({ fate }) => !isAlive(fate)).length;
  return judged.length === 0 ? "none" : `${((100 * dead) / judged.length).toFixed(1)} %`;
}

/** @param {readonly Judged[]} judged */
function byFolder(judged) {
  /** @type {Map<string, Judged[]>} */
  const folders = new Map();
  for (const each of judged) {
    const folder = dirname(each.file);
    folders.set(folder, [...(folders.get(folder) ?? []), each]);
  }
  return folders;
}
