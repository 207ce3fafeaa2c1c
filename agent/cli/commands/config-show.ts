import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { SECTIONS } from "../config/keys.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { columns, printJson } from "../printing.ts";
import { shownConfig } from "../shown-config.ts";

export function define(command: Command): void {
  command.option("--json", "machine-readable, with a schemaVersion");
  addConfigOptions(command, SECTIONS);
}

/** Shows the values in force. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const shown = shownConfig(await configOf(command, cli, SECTIONS));
  if (command.opts()["json"] === true) printJson(cli.output, { values: shown });
  else
    cli.output.out(columns(shown.map(({ key, value, source }) => [key, value === null ? "—" : String(value), source])));
  return EXIT.ok;
}
