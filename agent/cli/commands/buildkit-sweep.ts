import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { buildkitUnit } from "../compose-buildkit.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { BUILDKIT_SECTIONS } from "../sections.ts";

export function define(command: Command): void {
  addConfigOptions(command, BUILDKIT_SECTIONS);
}

/** Told to stop, it stops: the next one goes on. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, BUILDKIT_SECTIONS);
  const { cache } = await buildkitUnit(config);
  await cache.sweep(cli.stop);
  return EXIT.ok;
}
