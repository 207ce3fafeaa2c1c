import type { Command } from "commander";
import { openedVolume } from "../../adapters/volume/close-volume.ts";
import { AgentError } from "../../core/errors.ts";
import type { OpenRecord } from "../../core/volume/inventory.ts";
import type { Cli } from "../cli.ts";
import { volumeHostOf } from "../compose-volume.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { columns, printJson } from "../printing.ts";
import { VOLUME_SECTIONS } from "../sections.ts";

export function define(command: Command): void {
  command.option("--json", "machine-readable, with a schemaVersion");
  addConfigOptions(command, VOLUME_SECTIONS);
}

/** 1: none is open. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, VOLUME_SECTIONS);
  const host = await volumeHostOf(config);
  const json = command.opts()["json"] === true;
  try {
    const volume = await openedVolume(host, cli.stop);
    if (json) printJson(cli.output, { open: true, mapping: host.mappings.path, volume });
    else cli.output.out(table(volume, host.mappings.path));
    return EXIT.ok;
  } catch (failure) {
    if (!(failure instanceof AgentError) || failure.code !== "cache.not-open") throw failure;
    if (json) printJson(cli.output, { open: false, because: failure.message });
    else cli.output.out(`${failure.message}\n`);
    return EXIT.notReady;
  }
}

function table({ volumeId, kind, owner, device, filesystem, luksUuid, openedMs }: OpenRecord, mapping: string): string {
  return columns([
    ["volume", `${volumeId} (${kind})`],
    ["owner", `${owner.orgId}/${owner.projectId} (${owner.architecture})`],
    ["device", device],
    ["open at", mapping],
    ["file system", filesystem],
    ["LUKS uuid", luksUuid],
    ["opened", new Date(openedMs).toISOString()],
  ]);
}
