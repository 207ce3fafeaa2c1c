import { untilBeatMs } from "../core/beat.ts";
import { type CacheFilesystemView, HANGING_MS, type WriteTry } from "../core/cache-filesystem.ts";
import type { Instant } from "../core/instant.ts";
import type { CacheFilesystem } from "../ports/cache-filesystem.ts";
import type { Clock } from "../ports/clock.ts";
import type { Board } from "./board/board.ts";

/** BuildKit's unit is looked at as often: the machine wakes once for both. */
const LOOK_EVERY_MS = 2_000;

/** The machine is not ready before the first write is over, which takes milliseconds. */
const FIRST_EVERY_MS = 100;

export interface CacheWatchPorts {
  readonly cacheFilesystem: CacheFilesystem;
  readonly clock: Clock;
}

type Seen = Extract<CacheFilesystemView, { at: "seen" }>;

/** Looks at the file system of the open cache, every 2 s, and compares with what was opened. */
export async function watchCache(
  { cacheFilesystem, clock }: CacheWatchPorts,
  { cache, cacheFilesystem: cell }: Pick<Board, "cache" | "cacheFilesystem">,
  signal: AbortSignal,
): Promise<void> {
  while ((await cache.first((view) => view.at === "open", signal)) !== undefined) {
    const patience = new Patience();
    let opened: Seen["opened"];
    for (; !signal.aborted && cache.get().at === "open"; ) {
      const { write, ...now } = cacheFilesystem.look();
      opened ??= now.mount;
      cell.set({ at: "seen", ...(opened && { opened }), now, write: patience.judged(write, clock.now()) });
      await clock.sleep(patience.isFirst ? FIRST_EVERY_MS : untilBeatMs(clock.now(), LOOK_EVERY_MS), signal);
    }
    cell.set({ at: "unknown" });
  }
}

/** For how long the same try has been seen, by this process's own clock. */
class Patience {
  #last: Seen["write"] = { is: "first" };
  #seen = "";
  #since: Instant | undefined;

  get isFirst(): boolean {
    return this.#last.is === "first";
  }

  judged(write: WriteTry, now: Instant): Seen["write"] {
    const seen = write.is === "none" ? "" : `${write.is} ${write.number}`;
    if (seen !== this.#seen || this.#since === undefined) [this.#seen, this.#since] = [seen, now];
    const isOld = now.monoMs - this.#since.monoMs >= HANGING_MS;
    this.#last = this.#read(write, isOld, this.#since);
    return this.#last;
  }

  #read(write: WriteTry, isOld: boolean, since: Instant): Seen["write"] {
    // Who tries begins with the mount, or soon after it.
    if (write.is === "none") return isOld ? { is: "nobody" } : this.#last;
    if (write.is === "under-way") return isOld ? { is: "hanging", sinceMs: since.wallMs } : this.#last;
    // An answer that is not followed by another try is nobody's any more.
    if (isOld) return { is: "nobody" };
    return write.is === "refused" ? { is: "refused", errno: write.errno } : { is: "written" };
  }
}
