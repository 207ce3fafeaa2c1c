import type { Command } from "commander";
import { askStatus } from "../ask-status.ts";
import type { Cli } from "../cli.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { painter, printJson } from "../printing.ts";
import { statusTable } from "../status-table.ts";

export function define(command: Command): void {
  command.option("--json", "machine-readable, with a schemaVersion");
  addConfigOptions(command, ["health"]);
}

/** 0: ready. 1: it answers and is not ready. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, ["health"]);
  const status = await askStatus(config.health.listen, cli.stop);
  const json = command.opts()["json"] === true;
  const paint = painter(cli.output.colours.out);
  if (status.is === "too-early") {
    const { because } = status;
    if (json) printJson(cli.output, { ready: false, notReadyBecause: [because] });
    else cli.output.out(`${paint("red", "not ready")}\n  ${because}\n`);
    return EXIT.notReady;
  }
  const { answer, whole } = status;
  if (json) printJson(cli.output, whole);
  else cli.output.out(statusTable(answer, Date.now(), paint));
  return answer.ready ? EXIT.ok : EXIT.notReady;
}
