import { AgentError } from "../../core/errors.ts";
import type { PlainCache } from "../../ports/cache-volume.ts";
import type { ServiceUnits } from "../../ports/service-units.ts";

/**
 * The cache as a directory of the machine's own disk: nothing is opened, nothing is encrypted, and
 * the answer says so.
 */
export function plainDirectory(directory: string): PlainCache {
  return {
    open: (order) =>
      Promise.resolve({
        encrypted: false,
        device: directory,
        volumeId: order?.volumeId ?? "",
        kind: "plain",
        filesystem: "",
        formatted: false,
        check: "not-needed",
        grownBytes: 0,
        steps: [],
        takenOver: false,
      }),
    close: () => Promise.resolve(),
  };
}

/**
 * The same where the service manager puts the directory in its place, and other units stand on it
 * as on a volume.
 */
export function plainMount(directory: string, services: Pick<ServiceUnits, "start" | "stop">): PlainCache {
  const plain = plainDirectory(directory);
  return {
    open: async (order, signal) => {
      await services.start("cache-mount", signal).catch((cause: unknown) => {
        throw isOfVolume(cause) ? notSetUp(cause) : cause;
      });
      return plain.open(order, signal);
    },
    close: (signal) => services.stop("cache-volume", signal),
  };
}

/** The mount's unit waits for a volume: nobody has told it of the directory. */
function isOfVolume(failure: unknown): boolean {
  return failure instanceof AgentError && /\/dev\/mapper\/\S+ does not exist/.test(failure.message);
}

function notSetUp(cause: unknown): AgentError {
  const message =
    "No device is named for the cache, and this machine is not set up to do without one. Name it (cacheVolume.device, or by the control plane); for a plain directory, NOT ENCRYPTED: cp -r /usr/share/builder-agent/plain-cache/. /etc/systemd/system/ && systemctl daemon-reload";
  return new AgentError("cache.no-device", message, { retryable: true, cause });
}
