import type { Command } from "commander";
import { closeVolume } from "../../adapters/volume/close-volume.ts";
import type { Cli } from "../cli.ts";
import { volumeHostOf } from "../compose-volume.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { VOLUME_SECTIONS } from "../sections.ts";

export function define(command: Command): void {
  addConfigOptions(command, VOLUME_SECTIONS);
}

export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, VOLUME_SECTIONS);
  const { device, erased } = await closeVolume(await volumeHostOf(config), cli.stop);
  const slots = erased ? ", and its key slots are erased" : "";
  cli.output.out(device === undefined ? "No volume was open.\n" : `The volume on ${device} is closed${slots}.\n`);
  return EXIT.ok;
}
