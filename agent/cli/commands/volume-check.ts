import type { Command } from "commander";
import { openedVolume } from "../../adapters/volume/close-volume.ts";
import type { Cli } from "../cli.ts";
import { volumeHostOf } from "../compose-volume.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { VOLUME_SECTIONS } from "../sections.ts";

export function define(command: Command): void {
  addConfigOptions(command, VOLUME_SECTIONS);
}

/**
 * For whoever must know whether a volume is open: a person, or a script. @throws {AgentError}
 * "cache.not-open"
 */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, VOLUME_SECTIONS);
  const { kind, volumeId, device } = await openedVolume(await volumeHostOf(config), cli.stop);
  cli.output.out(`The ${kind} volume ${volumeId} is open on ${device}.\n`);
  return EXIT.ok;
}
