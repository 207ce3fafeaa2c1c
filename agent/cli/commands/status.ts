import type { Command } from "commander";
import { askStatus } from "../ask-status.ts";
import type { Cli } from "../cli.ts";
import { painter } from "../colour.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { printJson } from "../print-json.ts";
import { isReady } from "../status-report.ts";
import { statusTable } from "../status-table.ts";

export function define(command: Command): void {
  command.option("--json", "machine-readable, with a schemaVersion");
  addConfigOptions(command, ["health"]);
}

/** 0: ready. 1: it answers and is not ready. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, ["health"]);
  const report = await askStatus(config.health.listen, cli.stop);
  const ready = isReady(report);
  if (command.opts()["json"] === true) printJson(cli.output, { ...report, ready });
  else cli.output.out(statusTable(report, Date.now(), painter(cli.output.colours.out)));
  return ready ? EXIT.ok : EXIT.notReady;
}
