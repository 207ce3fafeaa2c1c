import { FIGURE_IDS, FIGURES, type FigureId } from "../measures/figures.ts";
import { SUBJECT_NAMES, type SubjectName } from "../subjects/subject.ts";
import { judgeAims } from "./aims.ts";
import type { Sample } from "./sample.ts";
import { medianOf, ratioTo } from "./statistics.ts";

const TITLES: Readonly<Record<SubjectName, string>> = {
  gateway: "our gateway",
  unjudged: "calls unjudged",
  node20: "on Node 20",
  buildkitd: "buildkitd TLS",
  haproxy: "HAProxy",
  nginx: "nginx",
  direct: "no proxy",
};

const PEERS = ["unjudged", "node20", "buildkitd", "haproxy", "nginx"] as const satisfies readonly SubjectName[];

/**
 * Medians of all subjects, then our ratio to each peer, as a Markdown table that is also good to
 * read on a terminal.
 */
export function renderTable(samples: readonly Sample[]): string {
  const subjects = SUBJECT_NAMES.filter((name) => samples.some(({ subject }) => subject === name));
  const peers = PEERS.filter((name) => subjects.includes("gateway") && subjects.includes(name));
  const head = ["median", ...subjects.map((name) => TITLES[name]), ...peers.map((name) => `÷ ${TITLES[name]}`)];
  const rows = FIGURE_IDS.filter((id) => samples.some(({ figure }) => figure === id)).map((id) => [
    FIGURES[id].unit === "" ? FIGURES[id].label : `${FIGURES[id].label}, ${FIGURES[id].unit}`,
    ...subjects.map((name) => shown(medianOf(samples, id, name), FIGURES[id].digits)),
    ...peers.map((name) => shown(ratioOf(samples, id, name), 2)),
  ]);
  return aligned([head, ...rows]);
}

/** A cost or a share that is 0 to a hundredth has no ratio worth reading. */
function ratioOf(samples: readonly Sample[], figure: FigureId, peer: SubjectName): number | undefined {
  const ratio = ratioTo(samples, figure, peer);
  return ratio !== undefined && Number.isFinite(ratio) ? ratio : undefined;
}

export function renderAims(samples: readonly Sample[]): string {
  const rows = judgeAims(samples).map(({ text, measured, reached }) => [
    text,
    shown(measured, 2),
    reached ? "reached" : "NOT reached",
  ]);
  return rows.length === 0 ? "" : aligned([["aim", "measured", ""], ...rows]);
}

function shown(value: number | undefined, digits: number): string {
  return value === undefined ? "" : value.toFixed(digits);
}

/** A Markdown table: the first column to the left, figures to the right. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const padded = rows.map((row) =>
    line(row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))),
  );
  const rule = line(widths.map((width, at) => (at === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)));
  return [padded[0], rule, ...padded.slice(1)].join("\n");
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
