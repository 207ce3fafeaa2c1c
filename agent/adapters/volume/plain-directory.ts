import type { PlainCache } from "../../ports/cache-volume.ts";

/** The cache as a directory of the machine's own disk: nothing is opened, nothing is encrypted, and the answer says so. */
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
