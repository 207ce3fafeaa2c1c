import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { inTree } from "../../../../sandbox/stack/tree.ts";

/** Where figures are for the record: the long form alone names one. */
const PAGE = process.env["BUILDER_AGENT_RELIABILITY_PAGE"];

type Row = readonly [what: string, figure: string];

/** "p50 412 ms, p99 640 ms, worst 655 ms" */
export function times(ms: readonly number[]): string {
  const sorted = ms.toSorted((left, right) => left - right);
  const at = (share: number): number => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`;
}

/** Prints the rows, and in a long form puts them between the page's two marks of this name. */
export async function record(name: string, rows: readonly Row[]): Promise<void> {
  const [load = Number.NaN] = loadavg();
  const when = `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${cpus().length} cores, load average ${load.toFixed(1)}`;
  const lines = ["| what | figure |", "| --- | --- |", ...[...rows, ["measured", when]].map((row) => `| ${row.join(" | ")} |`)];
  console.info(lines.join("\n"));
  if (PAGE === undefined) return;
  const file = inTree(PAGE);
  await writeFile(file, between(await readFile(file, "utf8"), name, lines.join("\n")));
}

/** @throws {Error} if the page has not both marks. */
function between(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- begin: ${name} -->`, `<!-- end: ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${PAGE} has not both marks of ${name}, between which its figures stand`);
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
}
