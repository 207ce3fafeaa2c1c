import { parseArgs } from "node:util";
import { BenchFailed, EX_USAGE } from "../failure.ts";

export interface FloodOptions {
  /** Connections a second. */
  readonly rate: number;
  /** In all. */
  readonly count: number;
  /** Whether docs/reliability.md gets the figures. */
  readonly write: boolean;
}

const USAGE = `usage: npm run bench -- flood [options]
  --rate N     connections of strangers a second (default 1000)
  --count N    in all (default 100000)
  --write      puts the figures into docs/reliability.md`;

const FLAGS = { rate: { type: "string" }, count: { type: "string" }, write: { type: "boolean" } } as const;

/** @throws {BenchFailed} With exit code 64, naming what is wrong. */
export function parseFloodOptions(args: readonly string[]): FloodOptions {
  try {
    const { values } = parseArgs({ args: [...args], options: FLAGS });
    return {
      rate: whole("rate", values.rate ?? "1000", 10_000),
      count: whole("count", values.count ?? "100000", 1_000_000),
      write: values.write ?? false,
    };
  } catch (cause) {
    const because = cause instanceof Error ? cause.message : String(cause);
    throw new BenchFailed(`${because}\n${USAGE}`, { exitCode: EX_USAGE, cause });
  }
}

function whole(name: string, text: string, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= most) return number;
  throw new BenchFailed(`--${name} ${text}: give a whole number from 1 to ${most}`, { exitCode: EX_USAGE });
}
