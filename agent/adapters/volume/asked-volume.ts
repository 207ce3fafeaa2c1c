import type { CacheVolume } from "../../ports/cache-volume.ts";
import type { ServiceUnits } from "../../ports/service-units.ts";
import { ask } from "../../wire/ask.ts";
import { OPEN, orderToWire } from "./protocol.ts";

/**
 * Longer than the half hour after which the service manager ends an order: for the case that nobody
 * is there to keep it.
 */
const ORDER_DEADLINE_MS = 35 * 60_000;

export interface AskedVolumeOptions {
  /** Where the service manager listens for orders. */
  readonly socketPath: string;
  readonly services: Pick<ServiceUnits, "start" | "stop">;
}

/**
 * The volume, asked for over its socket: whoever carries the order out is root, and this process is
 * not.
 */
export function askedVolume({ socketPath, services }: AskedVolumeOptions): CacheVolume {
  return {
    open: async (order, signal) => {
      const asking = { socketPath, deadlineMs: ORDER_DEADLINE_MS, signal };
      const { volume } = await ask(OPEN, orderToWire(order), asking);
      await services.start("cache-mount", signal);
      return volume;
    },
    close: (signal) => services.stop("cache-volume", signal),
  };
}
