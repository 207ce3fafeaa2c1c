import { asMeasured, writeSection } from "../../bench/report/page.ts";
import type { Verdict } from "./next-machine.ts";
import type { Recording } from "./recording.ts";

/** The cuts of one recording. */
export interface Judged {
  /** "ext4 in a guest". */
  readonly what: string;
  readonly recording: Recording;
  readonly verdicts: readonly Verdict[];
}

/** Prints the figures; with BUILDER_AGENT_WRITE_FIGURES=1 they go to docs/reliability.md. */
export async function tellFigures(
  section: "power-cuts" | "power-cuts-without-a-guest",
  command: string,
  seconds: number,
  judged: readonly Judged[],
): Promise<void> {
  const header =
    "| disk | requests | power cuts | next build passed, byte for byte | layers lost, all told | file system repaired | made anew | databases set aside | whole cache set aside |";
  const rows = judged.map(({ what, recording, verdicts }) => {
    const count = (is: (verdict: Verdict) => boolean): number => verdicts.filter(is).length;
    const lost = verdicts.reduce((sum, verdict) => sum + verdict.lost, 0);
    const passed = verdicts.reduce((sum, verdict) => sum + verdict.passed, 0);
    return [
      what,
      recording.log.requests.length,
      verdicts.length,
      count(({ faults }) => faults.length === 0),
      `${lost} of ${passed}`,
      count(({ check }) => check === "repaired"),
      count(({ check }) => check === "rebuilt"),
      count(({ quarantined }) => quarantined === "databases"),
      count(({ quarantined }) => quarantined === "cache"),
    ];
  });
  const table = [header, `|${" --- |".repeat(9)}`, ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
  const figures = asMeasured({ command, seconds, figures: table });
  process.stderr.write(`${figures}\n`);
  if (process.env["BUILDER_AGENT_WRITE_FIGURES"] === "1")
    await writeSection({ page: "docs/reliability.md", name: section }, figures);
}
