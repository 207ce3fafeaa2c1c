import type { OpenedVolume } from "../../core/volume/order.ts";
import type { PlainCache } from "../../ports/cache-volume.ts";
import type { ServiceUnits } from "../../ports/service-units.ts";

/** A directory that is there already: nothing to open, nothing to close. */
export function plainDirectory(path: string): PlainCache {
  return { open: async () => opened(path), close: async () => undefined };
}

/** The same in the place of a mount: the machine's own drop-in says what is mounted there instead of a volume. */
export function plainMount(path: string, units: Pick<ServiceUnits, "start" | "stop">): PlainCache {
  return {
    async open(_order, signal) {
      await units.start("cache-mount", signal);
      return opened(path);
    },
    close: (signal) => units.stop("cache-mount", signal),
  };
}

function opened(device: string): OpenedVolume {
  return {
    encrypted: false,
    device,
    volumeId: "",
    kind: "plain",
    filesystem: "",
    formatted: false,
    check: "not-needed",
    grownBytes: 0,
    steps: [],
    takenOver: false,
  };
}
