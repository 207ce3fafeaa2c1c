import type { BenchResult } from "./result.ts";
import { renderAims, renderTable } from "./table.ts";

/** What is printed, and what goes into README.md: Markdown. */
export function renderText(result: BenchResult): string {
  const { machine, rounds, seconds, startedAt, quick, nodeFlags, samples } = result;
  const flags = nodeFlags.length === 0 ? "" : ` Our gateway's Node ran with ${nodeFlags.join(" ")}.`;
  const versions = Object.entries(machine.versions).map(([program, version]) => `${program} ${version}`);
  return [
    `Measured on ${startedAt.slice(0, 10)} in ${Math.round(seconds)} s, ${rounds} rounds${quick ? ", quick: not for the record" : ""}.`,
    `Machine: ${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB, ${machine.architecture}, Linux ${machine.kernel}, load average ` +
      `before ${machine.loadAverage.toFixed(1)}, BuildKit and context ${machine.workDir === "memory" ? "in memory" : "on disk"}.`,
    `Versions: ${versions.join(", ")}.${flags}`,
    "",
    renderTable(samples),
    "",
    "Ratios are ours to the peer's, the median of the rounds' own; 1 is equal, below 1 is worse.",
    "",
    renderAims(samples),
  ]
    .join("\n")
    .trimEnd();
}
