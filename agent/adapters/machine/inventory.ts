import type { BlockDevice } from "../../core/machine.ts";
import { withDeadline } from "./with-deadline.ts";

/** Each part is asked on its own, so that one that hangs or fails costs only itself. */
const PART_DEADLINE_MS = 5_000;

export interface Inventory {
  readonly os: string;
  readonly platform: string;
  readonly blockDevices: readonly BlockDevice[];
}

/**
 * Asks `systeminformation`, which is large and starts programs: it is loaded only here, and only
 * when asked.
 */
export async function inventory(signal: AbortSignal): Promise<Inventory> {
  signal.throwIfAborted();
  const si = (await import("systeminformation")).default;
  const part = <T>(name: string, work: Promise<T>): Promise<T | undefined> =>
    withDeadline(name, PART_DEADLINE_MS, work, signal).catch(() => undefined);
  const [os, system, devices] = await Promise.all([
    part("osInfo", si.osInfo()),
    part("system", si.system()),
    part("blockDevices", si.blockDevices()),
  ]);
  signal.throwIfAborted();
  return {
    os: os === undefined ? "" : words(os.distro, os.release),
    platform: system === undefined ? "" : words(system.manufacturer, system.model),
    blockDevices: (devices ?? [])
      .filter((device) => device.type === "disk" && device.size > 0)
      .map((device) => ({
        path: `/dev/${device.name}`,
        sizeBytes: device.size,
        model: device.model,
        serial: device.serial,
      })),
  };
}

function words(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "" && part !== "-" && part !== "unknown").join(" ");
}
