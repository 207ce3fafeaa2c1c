import type { Container } from "./container.ts";

/**
 * A line of the journal. The agent's own are JSON with an event's name; of others the event is the
 * whole line.
 */
export interface Entry {
  readonly event: string;
  /** CLOCK_MONOTONIC, when journald had it. */
  readonly monoMs: number;
  readonly pid: number;
  /** As syslog(3) counts: 3 is an error, 7 is for debugging. */
  readonly priority: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What a unit's processes have written, and what systemd has said of it. */
export async function entriesOf(container: Pick<Container, "run">, unit: string): Promise<readonly Entry[]> {
  return entriesIn(await container.run("journalctl", ["--no-pager", "--all", "--output=json", `--unit=${unit}`]));
}

/** @param text As `journalctl --all --output=json` prints it. */
export function entriesIn(text: string): readonly Entry[] {
  return text.split("\n").filter(Boolean).map(entry);
}

function entry(line: string): Entry {
  // As journalctl writes it: every field is text.
  const {
    MESSAGE = "",
    PRIORITY: priority,
    __MONOTONIC_TIMESTAMP: at,
    _PID: pid,
  } = JSON.parse(line) as Record<string, string>;
  const data = MESSAGE.startsWith("{") ? (JSON.parse(MESSAGE) as Record<string, unknown>) : {};
  const event = typeof data["event"] === "string" ? data["event"] : MESSAGE;
  return { event, monoMs: Number(at) / 1_000, pid: Number(pid), priority: Number(priority), data };
}
