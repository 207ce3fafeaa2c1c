import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { configJsonSchema } from "../config/json-schema.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";

export function define(_command: Command): void {
  // It has no options: a JSON Schema is JSON already.
}

export async function run(_command: Command, { output }: Cli): Promise<ExitCode> {
  output.out(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  return EXIT.ok;
}
