import type { Command } from "commander";
import { processLog } from "../../adapters/telemetry/process-log.ts";
import type { Cli } from "../cli.ts";
import { networkHost } from "../compose-network.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { NETWORK_SECTIONS } from "../sections.ts";

export function define(command: Command): void {
  addConfigOptions(command, NETWORK_SECTIONS);
}

/** bin/watch-network runs it after each change of what the builds' network stands on. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, NETWORK_SECTIONS);
  const log = processLog({ process: "network", ...config.log });
  if (config.network.mode === "bridge") await networkHost(config, log).restore(cli.stop);
  return EXIT.ok;
}
