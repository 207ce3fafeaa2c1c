import { parseArgs } from "node:util";
import { BenchFailed, EX_USAGE } from "../failure.ts";

export interface FleetOptions {
  readonly agents: number;
  readonly processes: number;
  readonly bootOverMs: number;
  readonly goneMs: number;
  readonly steadyMs: number;
  readonly jsonFile: string | undefined;
}

/** More than that make one process's garbage collections longer than what is measured. */
const AGENTS_A_PROCESS = 350;

/** As instance groups bring them up. */
const BOOTS_A_SECOND = 20;

const USAGE = `usage: npm run bench -- fleet [options]
  --agents N      how many control loops, 1 to 5000 (default 1000)
  --processes N   in how many processes, 1 to 16 (default: one for ${AGENTS_A_PROCESS} agents)
  --boot-over S   over how many seconds they boot, 0 to 600 (default: ${BOOTS_A_SECOND} a second)
  --gone S        for how many seconds the control plane is gone, 1 to 600 (default 60)
  --steady S      for how many seconds the idle fleet is measured, 5 to 300 (default 30)
  --json FILE     writes all figures`;

/**
 * @param args what follows "fleet". @throws {BenchFailed} With exit code 64, naming what is wrong.
 */
export function parseFleetOptions(args: readonly string[]): FleetOptions {
  const values = parsed(args);
  const agents = whole("--agents", values.agents, { least: 1, most: 5_000, usual: 1_000 });
  const usual = Math.ceil(agents / AGENTS_A_PROCESS);
  const bootOver = Math.ceil(agents / BOOTS_A_SECOND);
  return {
    agents,
    processes: Math.min(agents, whole("--processes", values.processes, { least: 1, most: 16, usual })),
    bootOverMs: whole("--boot-over", values["boot-over"], { least: 0, most: 600, usual: bootOver }) * 1_000,
    goneMs: whole("--gone", values.gone, { least: 1, most: 600, usual: 60 }) * 1_000,
    steadyMs: whole("--steady", values.steady, { least: 5, most: 300, usual: 30 }) * 1_000,
    jsonFile: values.json,
  };
}

function parsed(args: readonly string[]) {
  const string = { type: "string" } as const;
  const options = {
    agents: string,
    processes: string,
    "boot-over": string,
    gone: string,
    steady: string,
    json: string,
  };
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (failure) {
    throw usage(failure instanceof Error ? failure.message : String(failure));
  }
}

function whole(
  flag: string,
  text: string | undefined,
  { least, most, usual }: { readonly least: number; readonly most: number; readonly usual: number },
): number {
  const value = text === undefined ? usual : Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw usage(`${flag} takes a whole number from ${least} to ${most}, not ${JSON.stringify(text)}.`);
}

function usage(message: string): BenchFailed {
  return new BenchFailed(`${message}\n${USAGE}`, { exitCode: EX_USAGE });
}
