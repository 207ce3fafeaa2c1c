import { join } from "node:path";
import { AgentError } from "../../core/errors.ts";
import { anyText, fromJson, guarded, list, object, optional, shapeOf, type ValueOf } from "../../wire/fields.ts";
import { run } from "./command.ts";

/**
 * A configuration list as BuildKit reads it: its plugins are run one after the other, each given
 * what the one before made.
 */
export const configurationList = object({ cniVersion: anyText, name: anyText, plugins: guarded(isPlugins) });

export type ConfigurationList = ValueOf<typeof configurationList>;

/** With all that it has beside its type. */
type Plugin = Readonly<Record<string, unknown>> & { readonly type: string };

function isPlugins(value: unknown): value is readonly Plugin[] {
  return Array.isArray(value) && value.length > 0 && value.every(isPlugin);
}

function isPlugin(value: unknown): value is Plugin {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

/** What a plugin says that it made. */
const made = object({
  interfaces: list(object({ name: anyText, mac: anyText, sandbox: optional(anyText) })),
  ips: list(object({ address: anyText })),
});

/** A step's cable, as the plugin made it. */
export interface Attached {
  /** Of the step's end. */
  readonly mac: string;
  /** The machine's end. */
  readonly machineLink: string;
  readonly addresses: readonly string[];
}

/** Which network is joined by whom, as CNI has it. */
export interface Attachment {
  /** Who: leases are kept under this name. */
  readonly containerId: string;
  readonly list: ConfigurationList;
  readonly binaryDir: string;
}

/** The step's only interface. */
export const INTERFACE = "eth0";

/** @throws {AgentError} "isolation.not-verified" */
export function readConfigurationList(text: string, file: string): ConfigurationList {
  try {
    return fromJson(configurationList, text);
  } catch (cause) {
    throw notVerified(`${file} is no list of CNI configurations, so builds have no network`, cause);
  }
}

/**
 * Puts the network namespace at `netnsPath` on the network. @throws {AgentError}
 * "isolation.not-verified"
 */
export async function attach(attachment: Attachment, netnsPath: string, signal: AbortSignal): Promise<Attached> {
  let result: unknown;
  for (const plugin of attachment.list.plugins) {
    const said = await runPlugin(attachment, plugin, { CNI_COMMAND: "ADD", CNI_NETNS: netnsPath }, result, signal);
    result = parsed(said);
  }
  return attachedOf(result);
}

/**
 * Takes it off again, its leases included; also what is not, or no longer, on it. `netnsPath`: ""
 * if it is gone.
 */
export async function detach(attachment: Attachment, netnsPath: string, signal: AbortSignal): Promise<void> {
  for (const plugin of attachment.list.plugins.toReversed())
    await runPlugin(attachment, plugin, { CNI_COMMAND: "DEL", CNI_NETNS: netnsPath }, undefined, signal);
}

function runPlugin(
  { containerId, list: { cniVersion, name }, binaryDir }: Attachment,
  plugin: ConfigurationList["plugins"][number],
  order: Readonly<Record<string, string>>,
  prevResult: unknown,
  signal: AbortSignal,
): Promise<string> {
  const env = { ...order, CNI_CONTAINERID: containerId, CNI_IFNAME: INTERFACE, CNI_PATH: binaryDir };
  const input = JSON.stringify({ ...plugin, cniVersion, name, ...(prevResult !== undefined && { prevResult }) });
  return run({ program: join(binaryDir, plugin.type), args: [], env, input }, signal);
}

function attachedOf(said: unknown): Attached {
  const fit = shapeOf(made).safeParse(said);
  const data = fit.success && fit.data.ips.length > 0 ? fit.data : undefined;
  const inside = data?.interfaces.find(({ name, sandbox }) => name === INTERFACE && sandbox !== undefined);
  const outside = data?.interfaces.find(({ sandbox }) => sandbox === undefined);
  if (data === undefined || inside === undefined || outside === undefined)
    throw notVerified(
      `The CNI plugin made no ${INTERFACE} with addresses: ${JSON.stringify(said)?.slice(0, 300)}`,
      undefined,
    );
  return {
    mac: inside.mac,
    machineLink: outside.name,
    addresses: data.ips.map(({ address }) => address.split("/")[0] ?? ""),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function notVerified(message: string, cause: unknown): AgentError {
  return new AgentError("isolation.not-verified", message, { retryable: true, cause });
}
