import { printed } from "../adapters/volume/command.ts";
import type { PlannedCommand } from "../adapters/volume/planned-commands.ts";
import { VOLUME_KEY_BYTES } from "../core/volume/order.ts";
import type { VolumePlan } from "../core/volume/volume-plan.ts";

/** For a person: what would be done, and the commands as a shell would take them. */
export function planInWords(plan: Exclude<VolumePlan, { is: "refuse" }>, commands: readonly PlannedCommand[]): string {
  return `${sentence(plan)}\n${commands.map(asText).join("")}`;
}

/** For a program. */
export function planAsData(plan: VolumePlan, commands: readonly PlannedCommand[]) {
  return { plan: described(plan), commands: commands.map(asData) };
}

function sentence(plan: Exclude<VolumePlan, { is: "refuse" }>): string {
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
