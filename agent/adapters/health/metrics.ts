import type { Registry } from "prom-client";
import { type Answer, text } from "./answer.ts";

/** A scraper gives up after 10 s by default; a collector that hangs is not to take it that long. */
const GATHER_MS = 2_000;

type Metered = Pick<Registry, "metrics" | "contentType">;

/**
 * Gathers metrics for `/metrics`: once for all who ask meanwhile, so that a collector that hangs
 * costs one gathering and not one for each scrape.
 */
export function metricsOf(registry: Metered, more = nothing, limitMs = GATHER_MS): () => Promise<Answer> {
  let gathering: Promise<string> | undefined;
  return async () => {
    gathering ??= gathered(registry, more).finally(() => (gathering = undefined));
    const body = await within(limitMs, gathering);
    if (body !== undefined) return { status: 200, type: registry.contentType, body };
    return text(503, `The metrics could not be gathered within ${limitMs / 1_000} s: a collector hangs`);
  };
}

async function gathered(registry: Metered, more: () => Promise<string>): Promise<string> {
  return (await Promise.all([registry.metrics(), more()])).join("");
}

const nothing = async (): Promise<string> => "";

async function within<T>(limitMs: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), limitMs)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
