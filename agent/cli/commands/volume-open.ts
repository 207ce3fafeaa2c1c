import type { Command } from "commander";
import { printed } from "../../adapters/volume/command.ts";
import { inspect } from "../../adapters/volume/inspect.ts";
import { type PlannedCommand, plannedCommands } from "../../adapters/volume/planned-commands.ts";
import { lookDirectory } from "../../adapters/volume/settle-xfs.ts";
import { parseDeviceReference } from "../../core/volume/device-reference.ts";
import { VOLUME_KEY_BYTES } from "../../core/volume/order.ts";
import { planVolume } from "../../core/volume/plan.ts";
import { VolumeRefused } from "../../core/volume/refusal.ts";
import type { VolumePlan } from "../../core/volume/volume-plan.ts";
import type { Cli } from "../cli.ts";
import { withLookingHost } from "../compose-volume.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode, exitCodeOf } from "../exit-code.ts";
import { layoutOf } from "../layout.ts";
import { printJson } from "../print-json.ts";
import { VOLUME_ORDER_SECTIONS } from "../sections.ts";
import { type OrderOptions, orderOf } from "../volume-order.ts";

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
    const plan = await withLookingHost(config, { isImage }, async (host) =>
      planVolume(order, await inspect(host, order, cli.stop)),
    );
    const places = {
      mappingPath: MAPPING_PATH,
      lookDirectory: lookDirectory({ scratchDir: layoutOf(config.paths).volumeRuntimeDir }),
    };
    const commands = plannedCommands(plan, order, places);
    if (options.json === true) printJson(cli.output, { plan: described(plan), commands: commands.map(asData) });
    else if (plan.is === "refuse") throw new VolumeRefused(plan.refusal);
    else cli.output.out(`${inWords(plan)}\n${commands.map(asText).join("")}`);
    return plan.is === "refuse" ? exitCodeOf(new VolumeRefused(plan.refusal)) : EXIT.ok;
  } finally {
    if (order.key.kind === "given") order.key.key.reveal().fill(0);
  }
}

const MAPPING_PATH = "/dev/mapper/builder-agent-cache";

function inWords(plan: Exclude<VolumePlan, { is: "refuse" }>): string {
  switch (plan.is) {
    case "take-over":
      return `${plan.record.volumeId} is open already on ${plan.record.device}: nothing would be done.`;
    case "close-leftover":
      return `An interrupted order left a volume open on ${plan.mapping.device}: it would be closed, and looked at again.`;
    case "open":
      return `${plan.device.path} holds this volume, made ${new Date(plan.label.createdMs).toISOString()}: it would be opened.`;
    case "format":
      return `${plan.device.path} (${plan.device.sizeBytes} bytes) ${REASONS[foundAs(plan)]}: it would be formatted.`;
    default:
      return plan satisfies never;
  }
}

const REASONS = {
  blank: "is blank",
  ours: "holds a per-boot volume that this machine made, and whose key is gone",
  interrupted: "was being formatted by this machine, which did not end",
} as const;

function foundAs({ found }: Extract<VolumePlan, { is: "format" }>): keyof typeof REASONS {
  return typeof found === "string" ? found : "interrupted";
}

function described(plan: VolumePlan) {
  switch (plan.is) {
    case "refuse":
      return { is: plan.is, ...plan.refusal };
    case "take-over":
      return { is: plan.is, device: plan.record.device };
    case "close-leftover":
      return { is: plan.is, device: plan.mapping.device };
    case "open":
      return { is: plan.is, device: plan.device.path };
    case "format":
      return { is: plan.is, device: plan.device.path, because: foundAs(plan) };
    default:
      return plan satisfies never;
  }
}

const STDIN = { nothing: undefined, key: `${VOLUME_KEY_BYTES} bytes of key`, label: "the label" } as const;

function asText({ command, onlyIf }: PlannedCommand): string {
  const input = STDIN[command.stdin];
  const notes = [
    ...(input === undefined ? [] : [`stdin: ${input}`]),
    ...(onlyIf === undefined ? [] : [`only if ${onlyIf}`]),
  ];
  return `  ${printed(command)}${notes.length === 0 ? "" : `   # ${notes.join("; ")}`}\n`;
}

function asData({ command, onlyIf }: PlannedCommand) {
  const { program, args, stdin } = command;
  return { argv: [program, ...args], stdin, ...(onlyIf !== undefined && { onlyIf }) };
}
