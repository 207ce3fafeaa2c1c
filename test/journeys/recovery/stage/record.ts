import { asMeasured, writeSection } from "../../../../bench/report/page.ts";
import { isLong } from "./kills.ts";

export interface Figures {
  /** Of docs/reliability.md. */
  readonly section: string;
  readonly command?: string;
  /** When the measurement began, as `performance.now()` says. */
  readonly sinceMs: number;
  readonly rows: readonly (readonly [what: string, figure: string])[];
}

/** "p50 412 ms, p99 640 ms, worst 655 ms" */
export function times(ms: readonly number[]): string {
  const sorted = ms.toSorted((left, right) => left - right);
  const at = (share: number): number => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`;
}

/** Prints the figures; those of the long form replace their section of docs/reliability.md. */
export async function record({ section, command = "npm run test:recovery", sinceMs, rows }: Figures): Promise<void> {
  const table = ["| what | figure |", "| --- | --- |", ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
  const seconds = (performance.now() - sinceMs) / 1_000;
  const figures = asMeasured({ command, seconds, figures: table });
  console.info(figures);
  if (isLong) await writeSection({ page: "docs/reliability.md", name: section }, figures);
}
