import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { eventually } from "./eventually.ts";

/** A line of one of the agent's processes: data, and a stable event name. */
export interface LogLine {
  readonly event: string;
  readonly level: string;
  readonly process: string;
  readonly pid: number;
  /** Wall clock. */
  readonly atMs: number;
  readonly data: Readonly<Record<string, unknown>>;
}

type Matches = (line: LogLine) => boolean;

/** What the agent's processes have logged, in one file, as it comes. */
export class AgentLog {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  /** All so far. What is not JSON (a crash of Node, for instance) is an event of its own text. */
  async lines(): Promise<readonly LogLine[]> {
    return linesOf(await readFile(this.file, "utf8").catch(() => ""));
  }

  async all(event: string, matches: Matches = () => true): Promise<readonly LogLine[]> {
    return (await this.lines()).filter((line) => line.event === event && matches(line));
  }

  /** The newest such line; undefined if there is none. */
  async last(event: string, matches?: Matches): Promise<LogLine | undefined> {
    return (await this.all(event, matches)).at(-1);
  }

  /** The first such line, once it is there. */
  until(event: string, matches?: Matches): Promise<LogLine> {
    return eventually(`"${event}" in ${this.file}`, async () => (await this.all(event, matches))[0]);
  }

  /** The next one that is written after this call. */
  async next(event: string, matches: Matches = () => true): Promise<LogLine> {
    // At once: what the caller does next may be logged before an asynchronous read has been.
    const soFar = linesOf(readFileSync(this.file, "utf8"));
    const before = soFar.filter((line) => line.event === event && matches(line)).length;
    return eventually(`another "${event}" in ${this.file}`, async () => (await this.all(event, matches))[before]);
  }
}

/** The last one may be half written. */
function linesOf(text: string): readonly LogLine[] {
  return text.split("\n").slice(0, -1).filter(Boolean).map(parsed);
}

function parsed(text: string): LogLine {
  const line = objectOf(text);
  const { event, level, process, pid, time, ...data } = line ?? { event: text };
  return {
    event: String(event),
    level: String(level),
    process: String(process),
    pid: Number(pid),
    atMs: Date.parse(String(time)),
    data,
  };
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    // JSON of an object has fields.
    return text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
