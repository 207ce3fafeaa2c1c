import type { FloodResult, Held } from "./flood-bench.ts";

const MIB = 1024 * 1024;

/** What was measured, a row each. */
export function floodText({ flood, before, after, during }: FloodResult): string {
  const rows = [
    ["connections of strangers", `${flood.strangers}, ${Math.round(flood.strangers / flood.seconds)} a second`, ""],
    ["new sessions of a good client", `${flood.visits}, ${flood.failedVisits} failed`, "0 failed"],
    [
      "to open one: half, 99 of 100, the slowest",
      [flood.visitP50Micros, flood.visitP99Micros, flood.visitMaxMicros].map(ms).join(", "),
      "p99 under 1 s",
    ],
    ["an open session", `${flood.trips} questions, ${flood.broken} broken`, "0 broken"],
    [
      "its answer: 99 of 100, the slowest",
      [flood.tripP99Micros, flood.tripMaxMicros].map(ms).join(", "),
      "p99 under 1 s",
    ],
    ["gateway's memory before, after", `${mib(before)}, ${mib(after)}`, "no slope"],
    [
      "slope over the second half",
      `${slope(during, ({ residentBytes }) => residentBytes / MIB).toFixed(2)} MiB for 10,000 connections`,
      "no slope",
    ],
    [
      "descriptors before, most, after",
      `${before.descriptors}, ${Math.max(...during.map(({ descriptors }) => descriptors))}, ${after.descriptors}`,
      "as before",
    ],
  ];
  const table = rows.map((row) => `| ${row.join(" | ")} |`);
  return ["| what | measured | bar |", "| --- | --- | --- |", ...table].join("\n");
}

/** By least squares over the later half, for ten thousand connections: what starts is no slope. */
function slope(during: readonly Held[], value: (held: Held) => number): number {
  const later = during.slice(Math.floor(during.length / 2));
  const mean = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  const [x, y] = [mean(later.map((held) => held.atConnections)), mean(later.map(value))];
  const along = later.reduce((sum, held) => sum + (held.atConnections - x) * (value(held) - y), 0);
  const across = later.reduce((sum, held) => sum + (held.atConnections - x) ** 2, 0);
  return across === 0 ? 0 : (along / across) * 10_000;
}

function ms(micros: number): string {
  return `${(micros / 1_000).toFixed(1)} ms`;
}

function mib({ residentBytes }: Held): string {
  return `${(residentBytes / MIB).toFixed(0)} MiB`;
}
