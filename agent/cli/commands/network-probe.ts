import type { Command } from "commander";
import { runProbe } from "../../adapters/network-probe/probe.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";

export function define(_command: Command): void {
  // It takes its plan from standard input.
}

/** Standard output is for what it finds, a line of JSON each: see the adapter. */
export async function run(): Promise<ExitCode> {
  await runProbe(process.stdin, process.stdout);
  return EXIT.ok;
}
