import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { AgentError } from "../../core/errors.ts";
import { JOURNALD_FIELDS, journaldEntry } from "../../core/journald-entry.ts";
import type { RawLine } from "../../core/log-entry.ts";
import { programEnvironment } from "../../core/program-environment.ts";
import { linesOf } from "../../wire/lines.ts";

/** The journal's own limit for one field is 768 MiB; nothing of ours comes near this. */
const LINE_MAX_BYTES = 4 * 1024 * 1024;

export interface JournalQuestion {
  /** As `journalctl --unit` takes them. */
  readonly units: readonly string[];
  /** Absent: this boot. */
  readonly sinceMs?: number | undefined;
  readonly follow: boolean;
  /** Where journalctl is looked for. */
  readonly path: string | undefined;
}

/**
 * What units have written to the journal, oldest first; with `follow` also what comes, until
 * `signal`. The program is told what it is to look for by its arguments, and never by a shell.
 * `onComplaint` gets what it has to say of itself.
 * @throws {AgentError} "logs.no-journal"
 */
export async function* journalLines(
  { units, sinceMs, follow, path }: JournalQuestion,
  onComplaint: (text: string) => void,
  signal: AbortSignal,
): AsyncGenerator<RawLine, void, undefined> {
  const args = [
    ...["--no-pager", "--quiet", "--all", "--output=json", `--output-fields=${JOURNALD_FIELDS}`],
    ...units.map((unit) => `--unit=${unit}`),
    // In whole seconds of Unix time: the same in every time zone.
    sinceMs === undefined ? "--boot" : `--since=@${Math.floor(sinceMs / 1_000)}`,
    ...(follow ? ["--follow", "--lines=all"] : []),
  ];
  const child = spawn("journalctl", args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: programEnvironment(path),
  });
  const end = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  let failure: unknown;
  const gone = once(child, "close").catch((cause: unknown) => (failure = cause));
  const complaint = text(child.stderr).catch(() => "");
  try {
    for await (const line of linesOf(child.stdout, LINE_MAX_BYTES)) {
      const raw = rawOf(line);
      if (raw !== undefined) yield raw;
    }
    await gone;
  } finally {
    signal.removeEventListener("abort", end);
    child.kill("SIGTERM");
    await gone;
  }
  if (signal.aborted) return;
  if (failure !== undefined) throw noJournal("journalctl cannot be started: is systemd on this machine?", failure);
  const said = (await complaint).trim();
  if (child.exitCode !== 0) throw noJournal(`journalctl could not tell (exit code ${child.exitCode}): ${said}`);
  if (said !== "") onComplaint(said);
}

function noJournal(message: string, cause?: unknown): AgentError {
  return new AgentError("logs.no-journal", message, { retryable: true, cause });
}

function rawOf(line: string): RawLine | undefined {
  const entry = journaldEntry(line);
  if (entry === undefined || entry.message === "") return undefined;
  const { message, unit, priority, atMs } = entry;
  return {
    text: message,
    ...(unit !== "" && { unit }),
    ...(priority !== undefined && { priority }),
    ...(atMs !== undefined && { atMs }),
  };
}
