import { CacheKeeper } from "../adapters/buildkit/cache-keeper.ts";
import type { BuildkitPlaces } from "../core/buildkit-config.ts";
import type { Log } from "../ports/log.ts";
import type { Layout } from "./layout.ts";

/** The same for the launcher and for systemd's unit: where BuildKit's cache lies, and where what is told of it goes. */
export function cacheKeeper(layout: Layout, places: BuildkitPlaces, bbolt: string, log: Log): CacheKeeper {
  return new CacheKeeper({ places, cacheDir: layout.cacheDir, preparedFile: layout.buildkitPrepared, bbolt, log });
}
