import { type CacheDefaults, cacheIntent, sameVolume } from "../core/cache-intent.ts";
import type { DesiredState } from "../core/desired-state.ts";
import { AgentError } from "../core/errors.ts";
import type { OpenedVolume } from "../core/volume/order.ts";
import { firstOf } from "../lifecycle/branch.ts";
import type { LoopReport } from "../lifecycle/loop-report.ts";
import { type Pauses, reconcile } from "../lifecycle/reconcile.ts";
import type { CacheVolume, PlainCache } from "../ports/cache-volume.ts";
import type { Clock } from "../ports/clock.ts";
import type { KeyUnwrap } from "../ports/key-unwrap.ts";
import type { Log } from "../ports/log.ts";
import type { Board } from "./board/board.ts";

const PAUSES: Pauses = {
  /** A device that is being attached, a KMS out of reach. */
  passing: { baseMs: 500, capMs: 30_000 },
  /** What only a person or the control plane can mend. Looking changes nothing on a device. */
  lastingMs: 60_000,
};

/** The ending closes what may be open, once nobody is opening it any more. */
const INTERRUPTED = { at: "failed", because: "its opening was interrupted: this machine is stopping" } as const;

export interface CachePorts {
  /** Absent where the service manager cannot open volumes. */
  readonly cacheVolume: CacheVolume | undefined;
  readonly plainCache: PlainCache;
  readonly keyUnwrap: KeyUnwrap;
  readonly clock: Clock;
  readonly log: Log;
}

export type CacheCells = Pick<Board, "desired" | "phase" | "cache">;

/**
 * Opens the cache that the control plane wants, once it has said so; BuildKit waits for it. A
 * failure is reported, and tried again later or as soon as something else is wanted. An open cache
 * is never exchanged: its check says that another one is wanted, which waits for the next boot.
 */
export async function openCache(
  ports: CachePorts,
  cells: CacheCells,
  defaults: CacheDefaults,
  report: LoopReport,
  outer: AbortSignal,
): Promise<void> {
  const { clock, log } = ports;
  const { desired, phase, cache } = cells;
  await firstOf(
    outer,
    (signal) => phase.first(({ at }) => at === "stopping", signal),
    (signal) => cache.first(({ at }) => at === "open", signal),
    (signal) =>
      reconcile(
        {
          clock,
          report,
          watching: [desired],
          wanted: () => desired.get(),
          same: (a, b) => sameVolume(a.cacheVolume, b.cacheVolume),
          pauses: PAUSES,
          act: async (wish) => {
            cache.update((view) => (view.at === "waiting" ? { at: "opening" } : view));
            const volume = await open(ports, wish, defaults, signal).finally(() => {
              if (signal.aborted) cache.update((view) => (view.at === "opening" ? INTERRUPTED : view));
            });
            log.info({ ...volume }, volume.encrypted ? "cache.open" : "cache.open-not-encrypted");
            cache.set({ at: "open", volume });
            return undefined;
          },
          failed: ({ err, because }) => {
            log.error({ err }, "cache.not-open");
            cache.set({ at: "failed", because });
          },
        },
        signal,
      ),
  );
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
