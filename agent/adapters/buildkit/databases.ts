import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseFinding, DatabaseKind } from "../../core/buildkit-health.ts";

export interface DatabaseFile extends Pick<DatabaseFinding, "path" | "kind" | "snapshotsBeside"> {
  /** 0 where there is no such file. */
  readonly sizeBytes: number;
}

/** In the root. */
const OF_ROOT: Readonly<Record<string, DatabaseKind>> = { "cache.db": "solver-cache", "history.db": "history" };
/** In the directory of each worker, which is named after its snapshotter: "runc-overlayfs". */
const OF_WORKER: Readonly<Record<string, DatabaseKind>> = {
  "metadata_v2.db": "records",
  "containerdmeta.db": "content",
  "snapshots/metadata.db": "snapshots",
};
const WORKER = /^runc-[a-z-]+$/;

/**
 * Every database that BuildKit has, or should have, under its root (v0.33.1); none where there is
 * no root.
 */
export async function databasesUnder(rootDir: string): Promise<readonly DatabaseFile[]> {
  const workers = (await entries(rootDir)).filter((name) => WORKER.test(name));
  const groups = [
    { under: "", files: OF_ROOT, snapshotsBeside: false },
    ...(await Promise.all(
      workers.map(async (under) => ({ under, files: OF_WORKER, snapshotsBeside: await hasSnapshots(rootDir, under) })),
    )),
  ];
  return Promise.all(
    groups.flatMap(({ under, files, snapshotsBeside }) =>
      Object.entries(files).map(async ([name, kind]) => {
        const path = join(under, name);
        return { path, kind, snapshotsBeside, sizeBytes: await sizeOf(join(rootDir, path)) };
      }),
    ),
  );
}

/** Where a worker's snapshots lie, each in a directory with a number for a name. */
export function snapshotsOf(rootDir: string, databasePath: string): string {
  return join(rootDir, databasePath, "..", "snapshots");
}

async function hasSnapshots(rootDir: string, worker: string): Promise<boolean> {
  return (await entries(snapshotsOf(rootDir, join(worker, "snapshots", "metadata.db")))).length > 0;
}

function entries(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch(() => []);
}

function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}
