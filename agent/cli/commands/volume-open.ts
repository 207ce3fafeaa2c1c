import type { Command } from "commander";
import { inspect } from "../../adapters/volume/inspect.ts";
import { plannedCommands } from "../../adapters/volume/planned-commands.ts";
import { lookDirectory } from "../../adapters/volume/settle-xfs.ts";
import { parseDeviceReference } from "../../core/volume/device-reference.ts";
import { VOLUME_KEY_BYTES } from "../../core/volume/order.ts";
import { planVolume } from "../../core/volume/plan.ts";
import { VolumeRefused } from "../../core/volume/refusal.ts";
import type { Cli } from "../cli.ts";
import { withLookingHost } from "../compose-volume.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode, exitCodeOf } from "../exit-code.ts";
import { layoutOf } from "../layout.ts";
import { printJson } from "../printing.ts";
import { VOLUME_ORDER_SECTIONS } from "../sections.ts";
import { type OrderOptions, orderOf } from "../volume-order.ts";
import { planAsData, planInWords } from "../volume-plan-words.ts";

export function define(command: Command): void {
  command
    .requiredOption("--dry-run", "look, and print what would be done; orders themselves come only over the socket")
    .requiredOption("--org <id>", "whose cache it is")
    .requiredOption("--project <id>", "whose cache it is")
    .option("--architecture <name>", "of the builds (default: this machine's)")
    .option("--volume-id <id>", "the volume's own id", "cache")
    .option(
      "--device <name>",
      "/dev/disk/by-id/…, udev:PROPERTY=value, or file:/… for an image (default: as configured)",
    )
    .option("--filesystem <name>", "ext4 or xfs, for a new volume (default: as configured)")
    .option(
      "--key-file <file>",
      `${VOLUME_KEY_BYTES} bytes, - for standard input (default: a random key for this boot)`,
    )
    .option("--json", "machine-readable, with a schemaVersion");
  addConfigOptions(command, VOLUME_ORDER_SECTIONS);
}

/** Changes nothing on any device. 65: the order would be refused, 69: for now. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, VOLUME_ORDER_SECTIONS);
  const options = command.opts<OrderOptions & { readonly json?: true }>();
  const order = await orderOf(options, config, process.stdin);
  try {
    const isImage = order.device !== undefined && parseDeviceReference(order.device)?.by === "file";
    const scratchDir = layoutOf(config.paths).volumeRuntimeDir;
    const { plan, commands } = await withLookingHost(config, { isImage }, async (host) => {
      const plan = planVolume(order, await inspect(host, order, cli.stop));
      const places = { mappingPath: host.mappings.path, lookDirectory: lookDirectory({ scratchDir }) };
      return { plan, commands: plannedCommands(plan, order, places) };
    });
    if (options.json === true) printJson(cli.output, planAsData(plan, commands));
    else if (plan.is === "refuse") throw new VolumeRefused(plan.refusal);
    else cli.output.out(planInWords(plan, commands));
    return plan.is === "refuse" ? exitCodeOf(new VolumeRefused(plan.refusal)) : EXIT.ok;
  } finally {
    if (order.key.kind === "given") order.key.key.reveal().fill(0);
  }
}
