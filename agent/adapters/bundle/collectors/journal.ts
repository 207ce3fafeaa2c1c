import { JOURNALD_FIELDS, journaldEntry } from "../../../core/journald-entry.ts";
import { LineCutter } from "../../../core/line-cutter.ts";
import type { Pieces } from "../collector.ts";
import { programOutput } from "../program-output.ts";

/** What of ours writes to the journal; as patterns of systemd's. */
export const OUR_UNITS = [
  ...["builder-agent*", "buildkitd.service", "tailscaled.service", "var-lib-builder*agent-cache.mount"],
  ...["agent.slice", "builds.slice"],
];

/** An entry with its fields; the journal's own limit is 768 MiB. */
const ENTRY_MAX_CHARACTERS = 512 * 1024;
export const PART_BYTES = 512 * 1024;
/** Newest first: `cat *` has them in order. */
export const FIRST_NUMBER = 9999;

export interface JournalOptions {
  readonly sinceMs: number;
  readonly maxBytes: number;
}

/** The journal of our units, newest first, so that a bound takes from the oldest. */
export function journal({ sinceMs, maxBytes }: JournalOptions): Pieces {
  const units = OUR_UNITS.map((unit) => `--unit=${unit}`);
  const since = `--since=@${Math.floor(sinceMs / 1000)}`;
  const args = [
    "--no-pager",
    "--quiet",
    "--all",
    "--reverse",
    "--output=json",
    `--output-fields=${JOURNALD_FIELDS}`,
    since,
    ...units,
  ];
  return {
    kind: "pieces",
    path: "logs/journal",
    what: "what our units wrote to the journal; in files that count down, so that `cat *` is in order",
    isFreeText: true,
    maxBytes,
    collect: (signal) => partsOf(programOutput("journalctl", args, signal)),
  };
}

async function* partsOf(
  output: AsyncIterable<Buffer>,
): AsyncGenerator<{ name: string; bytes: Buffer }, void, undefined> {
  const cutter = new LineCutter(ENTRY_MAX_CHARACTERS);
  const decoder = new TextDecoder();
  let lines: string[] = [];
  let [size, number] = [0, FIRST_NUMBER];
  const part = () => ({ name: `${number}.log`, bytes: Buffer.from(lines.toReversed().join("")) });
  for await (const bytes of output)
    for (const entry of cutter.push(decoder.decode(bytes, { stream: true }))) {
      const line = rendered(entry);
      lines.push(line);
      size += line.length;
      if (size < PART_BYTES) continue;
      yield part();
      number -= 1;
      [lines, size] = [[], 0];
    }
  if (lines.length > 0) yield part();
}

/** "2026-11-29T19:04:21.123Z builder-agent-control.service[4711] <4> …". */
function rendered(line: string): string {
  const entry = journaldEntry(line);
  if (entry === undefined) return "(an entry that is too long, or not understood, was left out)\n";
  const { atMs, unit, pid, priority, message } = entry;
  const time = atMs === undefined ? "?" : new Date(atMs).toISOString();
  return `${time} ${unit}[${pid}] <${priority ?? ""}> ${message}\n`;
}
