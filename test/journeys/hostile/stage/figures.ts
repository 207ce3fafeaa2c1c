import { asMeasured, writeSection } from "../../../../bench/report/page.ts";
import type { Seen } from "./watch.ts";

/** Its unit has 512 MiB. */
export const mebibytesAtMost = 450;

export interface Figure extends Seen {
  readonly what: string;
  /** Messages that the far end gave to the transport, or connections that it had. */
  readonly said: number;
}

/** Prints the figures of the long form; told to, puts them into docs/reliability.md. */
export async function record(section: string, sinceMs: number, figures: readonly Figure[]): Promise<void> {
  const rows = figures.map(({ what, said, memoryMib, healthWorstMs, lines }) => {
    const half = memoryMib.slice(Math.floor(memoryMib.length / 2));
    const slope = (half.at(-1) ?? 0) - (half[0] ?? 0);
    const cells = [
      what,
      said,
      Math.round(Math.max(...memoryMib)),
      slope.toFixed(1),
      Math.round(healthWorstMs),
      lines.length,
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const head = [
    "| what comes without end | times | control's memory at most, MiB | grew in the second half, MiB | `/livez`, slowest, ms | lines of log |",
  ];
  const table = [...head, "| --- | ---: | ---: | ---: | ---: | ---: |", ...rows].join("\n");
  const seconds = (performance.now() - sinceMs) / 1_000;
  const measured = asMeasured({ command: "npm run test:hostile", seconds, figures: table });
  console.info(measured);
  if (process.env["BUILDER_AGENT_WRITE_FIGURES"] === "1")
    await writeSection({ page: "docs/reliability.md", name: section }, measured);
}
