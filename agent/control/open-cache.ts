import { fullJitterMs } from "../core/backoff.ts";
import { type CacheDefaults, cacheIntent, sameVolume } from "../core/cache-intent.ts";
import type { DesiredState } from "../core/desired-state.ts";
import { AgentError } from "../core/errors.ts";
import type { Phase } from "../core/phase.ts";
import type { CacheView } from "../core/views.ts";
import type { OpenedVolume } from "../core/volume/order.ts";
import { firstOf, within } from "../lifecycle/branch.ts";
import type { Cell } from "../lifecycle/cell.ts";
import type { CacheVolume, PlainCache } from "../ports/cache-volume.ts";
import type { Clock } from "../ports/clock.ts";
import type { KeyUnwrap } from "../ports/key-unwrap.ts";
import type { Log } from "../ports/log.ts";

/** A device that is being attached, a KMS out of reach. */
const PASSING = { baseMs: 500, capMs: 30_000 } as const;
/** What only a person or the control plane can mend is looked at again at this pace: looking changes nothing on a device. */
const LASTING_MS = 60_000;

export interface CachePorts {
  /** Absent where the service manager cannot open volumes. */
  readonly cacheVolume: CacheVolume | undefined;
  readonly plainCache: PlainCache;
  readonly keyUnwrap: KeyUnwrap;
  readonly clock: Clock;
  readonly log: Log;
}

export interface CacheCells {
  readonly desired: Cell<DesiredState | undefined>;
  readonly phase: Cell<Phase>;
  readonly cache: Cell<CacheView>;
}

/**
 * Opens the cache that the control plane wants, once it has said so; BuildKit waits for it. A failure is told, and tried again later or as soon
 * as something else is wanted. An open cache is never exchanged: its check tells of another wish, which waits for the next boot.
 */
export async function openCache(
  ports: CachePorts,
  cells: CacheCells,
  defaults: CacheDefaults,
  outer: AbortSignal,
): Promise<void> {
  await firstOf(
    outer,
    (signal) => tryUntilOpen(ports, cells, defaults, signal),
    (signal) => cells.phase.first((phase) => phase.at === "stopping", signal),
  );
}

async function tryUntilOpen(
  ports: CachePorts,
  cells: CacheCells,
  defaults: CacheDefaults,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = ports;
  for (let failures = 0; ; failures += 1) {
    const desired = await cells.desired.first((state) => state !== undefined, signal);
    if (desired === undefined || signal.aborted) return;
    cells.cache.update((view) => (view.at === "waiting" ? { at: "opening" } : view));
    try {
      const volume = await open(ports, desired, defaults, signal);
      cells.cache.set({ at: "open", volume });
      log.info({ ...volume }, volume.encrypted ? "cache.open" : "cache.open-not-encrypted");
      return;
    } catch (err) {
      if (signal.aborted) return;
      const because = err instanceof Error ? err.message : String(err);
      const before = cells.cache.get();
      if (before.at !== "failed" || before.because !== because) log.error({ err }, "cache.not-open");
      cells.cache.set({ at: "failed", because });
      const passing = !(err instanceof AgentError) || err.retryable;
      const pauseMs = passing ? fullJitterMs(PASSING, failures, clock.random()) : LASTING_MS;
      await within(clock, pauseMs, signal, (pause) =>
        cells.desired.first((state) => !sameVolume(state?.cacheVolume, desired.cacheVolume), pause),
      );
    }
  }
}

async function open(
  { cacheVolume, plainCache, keyUnwrap }: CachePorts,
  desired: DesiredState,
  defaults: CacheDefaults,
  signal: AbortSignal,
): Promise<OpenedVolume> {
  const intent = cacheIntent(desired, defaults, cacheVolume !== undefined);
  if (intent.is === "impossible") throw new AgentError("cache.impossible", intent.because, { retryable: false });
  if (intent.is === "plain" || cacheVolume === undefined) return plainCache.open(undefined, signal);
  const { key, order } = intent;
  if (key.kind !== "wrapped") return cacheVolume.open({ ...order, key }, signal);
  const unwrapped = await keyUnwrap.unwrap(key, signal);
  try {
    return await cacheVolume.open({ ...order, key: { kind: "given", key: unwrapped } }, signal);
  } finally {
    unwrapped.reveal().fill(0);
  }
}
