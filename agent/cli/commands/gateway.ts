import type { Command } from "commander";
import { type Cli, withParent } from "../cli.ts";
import { startGateway } from "../compose-gateway.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { GATEWAY_SECTIONS } from "../sections.ts";

export function define(command: Command): void {
  addConfigOptions(command, GATEWAY_SECTIONS);
}

export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const load = () => configOf(command, cli, GATEWAY_SECTIONS);
  const { config } = await load();
  await startGateway(config, load, withParent(cli));
  return EXIT.ok;
}
