import { readFile } from "node:fs/promises";
import { z } from "zod";

const shape = z.looseObject({ event: z.string(), level: z.string() });

/** A line of the agent's log: data, and a stable event name. */
export interface LogLine {
  readonly event: string;
  readonly level: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Everything that the agent has logged so far; what is not JSON (a crash of Node, for instance) is
 * a line without an event.
 */
export async function readAgentLog(file: string): Promise<readonly LogLine[]> {
  const text = await readFile(file, "utf8");
  return text.split("\n").filter(Boolean).map(parse);
}

/** The last lines that say what went wrong, for a person. */
export async function lastTroubles(file: string, count: number): Promise<string> {
  const lines = await readAgentLog(file).catch(() => []);
  const troubles = lines.filter(({ level }) => level === "error" || level === "warn" || level === "");
  return troubles
    .slice(-count)
    .map(({ event, data }) => `  ${event} ${JSON.stringify(data)}`)
    .join("\n");
}

function parse(line: string): LogLine {
  try {
    const { event, level, time: _, pid: __, ...data } = shape.parse(JSON.parse(line));
    return { event, level, data };
  } catch {
    return { event: line, level: "", data: {} };
  }
}
