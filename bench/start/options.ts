import { parseArgs } from "node:util";
import { BenchFailed, EX_USAGE } from "../failure.ts";

export const START_PARTS = ["boot", "open", "volume"] as const;
export type StartPart = (typeof START_PARTS)[number];

export interface StartOptions {
  readonly parts: ReadonlySet<StartPart>;
  readonly boots: number;
  readonly jsonFile: string | undefined;
  /** Puts the figures into docs/reliability.md. */
  readonly write: boolean;
}

const USUAL_BOOTS = 10;
const MOST_BOOTS = 100;

const USAGE = `usage: npm run bench -- start [options]
  --boots N     how many boots count, 1 to ${MOST_BOOTS} (default ${USUAL_BOOTS})
  --only A,B    of ${START_PARTS.join(", ")}
  --json FILE   writes every boot and all figures
BUILDER_AGENT_WRITE_FIGURES=1 puts the figures into docs/reliability.md; all parts have to be measured for that.`;

/**
 * @param args what follows "start". @throws {BenchFailed} With exit code 64, naming what is wrong.
 */
export function parseStartOptions(args: readonly string[], env: NodeJS.ProcessEnv = process.env): StartOptions {
  const values = parsed(args);
  const parts = partsOf(values.only);
  const write = env["BUILDER_AGENT_WRITE_FIGURES"] === "1";
  if (write && parts.size < START_PARTS.length)
    throw usage("Figures of some parts are not for the record: leave out --only.");
  return { parts, boots: bootsOf(values.boots), jsonFile: values.json, write };
}

function parsed(args: readonly string[]) {
  const string = { type: "string" } as const;
  try {
    return parseArgs({ args: [...args], options: { boots: string, only: string, json: string } }).values;
  } catch (failure) {
    throw usage(failure instanceof Error ? failure.message : String(failure));
  }
}

function bootsOf(text: string | undefined): number {
  const boots = text === undefined ? USUAL_BOOTS : Number(text);
  if (Number.isInteger(boots) && boots >= 1 && boots <= MOST_BOOTS) return boots;
  throw usage(`--boots takes a whole number from 1 to ${MOST_BOOTS}, not ${JSON.stringify(text)}.`);
}

function partsOf(text: string | undefined): ReadonlySet<StartPart> {
  const names = text?.split(",") ?? START_PARTS;
  const unknown = names.filter((name) => !START_PARTS.some((part) => part === name));
  if (unknown.length > 0) throw usage(`--only knows ${START_PARTS.join(", ")}, not ${unknown.join(", ")}.`);
  return new Set(START_PARTS.filter((part) => names.includes(part)));
}

function usage(message: string): BenchFailed {
  return new BenchFailed(`${message}\n${USAGE}`, { exitCode: EX_USAGE });
}
