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
      await services.start("cache-mount", signal);
      return plain.open(order, signal);
    },
    close: (signal) => services.stop("cache-volume", signal),
  };
}
