import { setTimeout as sleep } from "node:timers/promises";
import type { PlatformName } from "../../core/notices/notice.ts";
import { Branch } from "../../lifecycle/branch.ts";
import type { Metadata } from "../../ports/metadata.ts";
import type { FoundPlatform, NoticeSource } from "../../ports/notices.ts";
import { type Candidate, candidates, type MetadataPlaces } from "./platforms.ts";

/** A metadata service may come up after the machine does. */
const PAUSES_MS = [2_000, 10_000];

/** The platform that the configuration names, "off", or "ask": whichever answers as its own. */
export type WhichPlatform = PlatformName | "ask" | { readonly off: string };

/** Where this machine's notices come from. */
export function platformNotices(which: WhichPlatform, metadata: Metadata, places: MetadataPlaces): NoticeSource {
  return {
    async find(signal) {
      if (typeof which === "object") return { at: "none", because: which.off };
      const all = candidates(metadata, places);
      if (which !== "ask") return { at: "here", platform: all[which] };
      return ask(Object.values(all), signal);
    },
  };
}

async function ask(all: readonly Candidate[], signal: AbortSignal): Promise<FoundPlatform> {
  for (const pauseMs of [...PAUSES_MS, 0]) {
    const platform = await whoever(all, signal);
    if (platform !== undefined) return { at: "here", platform };
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
  return { at: "none", because: "no platform's metadata service answers; notices.platform names one, if one should" };
}

/** The first that answers as itself; the others are not waited for. */
async function whoever(all: readonly Candidate[], outer: AbortSignal): Promise<Candidate | undefined> {
  using others = new Branch(outer);
  const tries = all.map(async (one) => {
    await one.isHere(others.signal);
    return one;
  });
  return await Promise.any(tries).catch(() => undefined);
}
