import { join } from "node:path";
import { AgentError } from "../../core/errors.ts";
import { run } from "./command.ts";

/** A configuration list as BuildKit reads it: its plugins are run one after the other, each given what the one before made. */
export interface ConfigurationList {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly (Readonly<Record<string, unknown>> & { readonly type: string })[];
}

/** A step's end of the cable, as the plugin made it. */
export interface Attached {
  readonly mac: string;
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
  const list: unknown = parsed(text);
  if (isList(list)) return list;
  throw notVerified(`${file} is no list of CNI configurations, so builds have no network`);
}

/** Puts the network namespace at `netnsPath` on the network. @throws {AgentError} "isolation.not-verified" */
export async function attach(attachment: Attachment, netnsPath: string, signal: AbortSignal): Promise<Attached> {
  let result: unknown;
  for (const plugin of attachment.list.plugins) {
    const said = await runPlugin(attachment, plugin, { CNI_COMMAND: "ADD", CNI_NETNS: netnsPath }, result, signal);
    result = parsed(said);
  }
  return attachedOf(result);
}

/** Takes it off again, its leases included; also what is not, or no longer, on it. `netnsPath`: "" if it is gone. */
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

function attachedOf(result: unknown): Attached {
  const { interfaces, ips } = fieldsOf(result);
  const inside = arrayOf(interfaces)
    .map(fieldsOf)
    .find(({ name, sandbox }) => name === INTERFACE && sandbox);
  const addresses = arrayOf(ips).map((ip) => String(fieldsOf(ip)["address"] ?? "").split("/")[0] ?? "");
  if (typeof inside?.["mac"] === "string" && addresses.length > 0) return { mac: inside["mac"], addresses };
  throw notVerified(`The CNI plugin made no ${INTERFACE} with addresses: ${JSON.stringify(result).slice(0, 300)}`);
}

function isList(value: unknown): value is ConfigurationList {
  const { cniVersion, name, plugins } = fieldsOf(value);
  const named = arrayOf(plugins).every((plugin) => typeof fieldsOf(plugin)["type"] === "string");
  return typeof cniVersion === "string" && typeof name === "string" && Array.isArray(plugins) && named;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function notVerified(message: string): AgentError {
  return new AgentError("isolation.not-verified", message, { retryable: true });
}
