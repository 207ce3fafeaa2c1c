import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { AgentError } from "../../core/errors.ts";
import { parseDeviceReference } from "../../core/volume/device-reference.ts";
import type { DeviceFacts, DeviceUse, Inventory, LuksFacts } from "../../core/volume/inventory.ts";
import type { VolumeOrder } from "../../core/volume/order.ts";
import { type BlockFacts, listBlock, readBlock } from "./block-device.ts";
import { HeaderCopy } from "./header-copy.ts";
import { readLabelKey } from "./label-key.ts";
import { type HeaderReader, readHeader } from "./luks-header.ts";
import { readSamples } from "./read-samples.ts";
import { listSignatures, probe, readSignatures } from "./signatures.ts";
import { devicesOf, exportDatabase, settle } from "./udev.ts";
import type { VolumeHost } from "./volume-host.ts";

/** Looks for what an order names, and at it. Writes nothing to any device. */
export async function inspect(host: VolumeHost, order: VolumeOrder, signal: AbortSignal): Promise<Inventory> {
  const { key } = order;
  const givenKey = key.kind === "given" ? key.key.reveal() : undefined;
  const reader = { run: host.run, labelKey: await readLabelKey(host.labelKeyFile), givenKey };
  const paths = await findDevices(host, order, signal);
  const [only] = paths;
  const candidates =
    only === undefined || paths.length > 1
      ? paths.map(unexamined)
      : [await inspectDevice(reader, only, host.scratchDir, signal)];
  const mapping = await host.mappings.look(signal);
  const opened = await host.opened.read();
  const intent = await host.intent.read();
  return {
    bootId: host.bootId,
    deviceMapper: await host.mappings.able(),
    candidates,
    ...(mapping !== undefined && { mapping }),
    ...(opened !== undefined && { opened }),
    ...(intent !== undefined && { intent }),
  };
}

async function findDevices(
  { run, images }: VolumeHost,
  { device }: VolumeOrder,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const reference = device === undefined ? undefined : parseDeviceReference(device);
  if (reference === undefined) return [];
  if (reference.by === "file") return images ? [reference.path] : [];
  await run(settle, signal);
  return devicesOf(reference, (await run(exportDatabase, signal)).stdout);
}

/** One of several: whatever is on it, it is refused, so it need not even be readable. */
function unexamined(path: string): DeviceFacts {
  const use = { mountPoints: [], swap: false, partitions: [], holders: [], claimed: false };
  return { path, type: "", sizeBytes: 0, readOnly: true, use, signatures: [], content: { is: "unread" } };
}

async function inspectDevice(
  reader: HeaderReader,
  path: string,
  scratchDir: string,
  signal: AbortSignal,
): Promise<DeviceFacts> {
  try {
    const { use: itsUse, ...block } = await blockFacts(reader.run, path, signal);
    const use = { ...itsUse, claimed: await isClaimed(path) };
    const listed = await reader.run(listSignatures(path), signal);
    const signatures = readSignatures(listed.stdout, await reader.run(probe(path), signal));
    const luks = signatures.some(({ type }) => type === "crypto_LUKS")
      ? await headerOf(reader, path, block.sizeBytes, scratchDir, signal)
      : undefined;
    const isUnnamed = signatures.length === 0 || luks?.is === "torn";
    const content =
      isUnnamed && !isUsed(use) ? await readSamples(path, block.sizeBytes, signal) : ({ is: "unread" } as const);
    // The kernel's name, as sysfs has it below an open mapping: lsblk has others for LVM.
    return { ...block, path, use, signatures, ...(luks !== undefined && { luks }), content };
  } catch (cause) {
    if (signal.aborted || (cause instanceof AgentError && cause.code === "cache.tool-missing")) throw cause;
    throw new AgentError("cache.unreadable", `${path} cannot be examined: is it still there, and sound?`, {
      retryable: true,
      cause,
    });
  }
}

async function headerOf(
  reader: HeaderReader,
  path: string,
  sizeBytes: number,
  scratchDir: string,
  signal: AbortSignal,
): Promise<LuksFacts> {
  await using copy = await HeaderCopy.of(path, sizeBytes, scratchDir);
  return await readHeader(reader, copy, signal);
}

function isUsed({ mountPoints, swap, partitions, holders, claimed }: DeviceUse): boolean {
  return mountPoints.length > 0 || swap || partitions.length > 0 || holders.length > 0 || claimed;
}

async function blockFacts(run: VolumeHost["run"], path: string, signal: AbortSignal): Promise<BlockFacts> {
  const stats = await stat(path);
  if (stats.isBlockDevice()) return readBlock((await run(listBlock(path), signal)).stdout);
  const use = { mountPoints: [], swap: false, partitions: [], holders: [] };
  const identity = `${stats.dev}:${stats.ino}`;
  return { path, type: stats.isFile() ? "file" : "special", sizeBytes: stats.size, readOnly: false, identity, use };
}

/**
 * A block device that is opened exclusively is refused while it is mounted, or part of something
 * (open(2), O_EXCL without O_CREAT).
 */
async function isClaimed(path: string): Promise<boolean> {
  try {
    await (await open(path, constants.O_RDONLY | constants.O_EXCL)).close();
    return false;
  } catch (failure) {
    if (failure instanceof Error && "code" in failure && failure.code === "EBUSY") return true;
    throw failure;
  }
}
