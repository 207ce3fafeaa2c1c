import type { EndingCells, EndingPorts } from "./parts.ts";

/**
 * A cache that is still being opened is closed once that has ended; one that this process did not
 * open may be open from an earlier one. With the machine's end its key is gone all the same.
 */
export async function closeCache(
  { log, plainCache, cacheVolume }: EndingPorts,
  { cache }: EndingCells,
  signal: AbortSignal,
): Promise<void> {
  await cache.first(({ at }) => at !== "opening", signal);
  const view = cache.get();
  if (view.at === "closed") return;
  const isPlain = view.at === "open" && !view.volume.encrypted;
  await (isPlain ? plainCache : (cacheVolume ?? plainCache)).close(signal);
  cache.set({ at: "closed" });
  log.info({}, "cache.closed");
}
