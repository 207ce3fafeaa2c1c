import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { BenchFailed } from "../failure.ts";
import { packageDir } from "../process/toolchain.ts";

/** Where figures stand on a page of Markdown: between two comments that name the section. */
export interface Section {
  /** From the root of the project: "docs/reliability.md". */
  readonly page: string;
  readonly name: string;
}

/** What a script measured, and how to measure it again. */
export interface Measured {
  /** As a person types it: "npm run bench -- endings". */
  readonly command: string;
  /** How long it took, wall clock. */
  readonly seconds: number;
  /** Of the Node that was measured, where that is not this process's. */
  readonly node?: string;
  /** Markdown. */
  readonly figures: string;
}

/**
 * Replaces what stands in a section by figures, and nothing else of its page.
 *
 * @throws {BenchFailed} If the page has no such section.
 */
export async function writeSection({ page, name }: Section, figures: string): Promise<void> {
  const file = join(packageDir, page);
  const text = withSection(await readFile(file, "utf8"), name, figures);
  if (text === undefined)
    throw new BenchFailed(
      `${page} has no section for these figures: add the lines <!-- begin: ${name} (command) --> and <!-- end: ${name} -->.`,
    );
  await writeFile(file, text);
}

/** Figures of docs/reliability.md, below when, by what and on which machine they were measured. */
export function asMeasured({ command, seconds, node = process.versions.node, figures }: Measured): string {
  const date = new Date().toISOString().slice(0, 10);
  return `Measured on ${date} in ${Math.round(seconds)} s by \`${command}\`.\n${thisMachine(node)}\n\n${figures}`;
}

/** `page` with `figures` between the markers of `name`; undefined if it has lost them. */
export function withSection(page: string, name: string, figures: string): string | undefined {
  const lines = page.split("\n");
  const begin = lines.findIndex((line) => line.startsWith(`<!-- begin: ${name} (`) && line.endsWith(") -->"));
  const end = lines.indexOf(`<!-- end: ${name} -->`, begin);
  if (begin < 0 || end < 0) return undefined;
  return [...lines.slice(0, begin + 1), "", figures, "", ...lines.slice(end)].join("\n");
}

function thisMachine(node: string): string {
  const [cpu] = cpus();
  const [loadAverage = Number.NaN] = loadavg();
  const gigabytes = Math.round(totalmem() / 1e9);
  return `Machine: ${cpus().length} cores (${cpu?.model.trim() ?? "unknown"}), ${gigabytes} GB, Node ${node}, load average ${loadAverage.toFixed(1)}.`;
}
