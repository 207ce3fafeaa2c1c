import type { Command } from "commander";
import { askedNetwork } from "../../adapters/network/asked-network.ts";
import type { Cli } from "../cli.ts";
import { painter } from "../colour.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { findingsTable } from "../isolation/findings-table.ts";
import { layoutOf } from "../layout.ts";
import { printJson } from "../print-json.ts";

export function define(command: Command): void {
  command.option("--json", "machine-readable, with a schemaVersion");
  addConfigOptions(command, ["paths"]);
}

/** 0: all is as it must be. 1: something is not. 69: it could not be tried. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, ["paths"]);
  const report = await askedNetwork(layoutOf(config.paths).networkSocket).verify(cli.stop);
  const isolated = report.findings.every(({ ok }) => ok);
  if (command.opts()["json"] === true) printJson(cli.output, { isolated, ...report });
  else cli.output.out(findingsTable(report, painter(cli.output.colours.out)));
  return isolated ? EXIT.ok : EXIT.notReady;
}
