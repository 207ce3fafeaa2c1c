import { setTimeout as sleep } from "node:timers/promises";
import { GrpcBuildkitCache } from "../../agent/adapters/buildkit/grpc-cache.ts";
import { makeFilesystem } from "../../agent/adapters/volume/settle-filesystem.ts";
import { sh } from "../volume/disk-image.ts";
import { type Filesystem, PowerStage } from "./power-stage.ts";
import type { Recipe } from "./recipes.ts";
import { RecordedDisk } from "./recorded-disk.ts";
import { readWriteLog, type WriteLog } from "./write-log.ts";

export const DISK_BYTES = 1024 ** 3;
/** Between two builds of a client. */
const PAUSE_MS = 200;

/** A build that passed: its client had its output once the log was so long. */
export interface Passed {
  readonly recipe: Recipe;
  readonly logBytes: number;
}

/** What a disk was told while builds passed. */
export interface Recording {
  readonly filesystem: Filesystem;
  readonly log: WriteLog;
  readonly sizeBytes: number;
  readonly passed: readonly Passed[];
  /** When everything was pruned, as lengths of the log: what passed before may be gone. */
  readonly prunedAtBytes: readonly number[];
}

/**
 * Two clients build for `ms`, from a blank disk on. After a third of it BuildKit is restarted in
 * order, after two thirds its cache is pruned. `dir` is its owner's.
 */
export async function record(dir: string, filesystem: Filesystem, ms: number): Promise<Recording> {
  const passed: Passed[] = [];
  const prunedAtBytes: number[] = [];
  const { logFile } = await (async () => {
    await using disk = await RecordedDisk.blank(dir, DISK_BYTES);
    const { program, args } = makeFilesystem(filesystem, disk.path, { hasOldJournal: false });
    sh(program, args);
    await using stage = await PowerStage.mount(filesystem, disk.path, "before");
    const { bench } = stage;
    await bench.up();
    for (const [part, before] of [undefined, restart, prune].entries()) {
      if ((await before?.(stage)) === "pruned") prunedAtBytes.push(disk.loggedBytes);
      const over = AbortSignal.timeout(ms / 3);
      const client = async (name: string): Promise<void> => {
        for (let at = 0; !over.aborted; at += 1) {
          // Steps that run make the kernel sync: most only copy.
          const recipe: Recipe = { name: `${name}${part}x${at}`, by: name === "a" && at % 4 === 3 ? "run" : "copy" };
          const { faults } = await stage.build([recipe]);
          if (faults.length > 0) throw new Error(`Before any cut: ${faults.join("; ")}`);
          passed.push({ recipe, logBytes: disk.loggedBytes });
          await sleep(PAUSE_MS);
        }
      };
      await Promise.all([client("a"), client("b")]);
    }
    return disk;
  })();
  return { filesystem, log: readWriteLog(logFile), sizeBytes: DISK_BYTES, passed, prunedAtBytes };
}

async function restart({ bench }: PowerStage): Promise<void> {
  const { signal } = new AbortController();
  await bench.unit.stop(20_000, signal);
  await bench.up();
}

async function prune({ bench }: PowerStage): Promise<"pruned"> {
  using cache = new GrpcBuildkitCache(bench.places.socketPath, bench.cacheDir);
  await cache.prune({ all: true, minFreeBytes: DISK_BYTES }, new AbortController().signal);
  return "pruned";
}
