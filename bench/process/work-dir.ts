import { mkdtemp, readFile, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./child.ts";

/** The context, BuildKit's copy of it, and the layer made from that, with room to spare. */
const ROOM_BYTES = 4_000_000_000;
const MEMORY_FILES = "/dev/shm";
const UNMOUNT_DEADLINE_MS = 10_000;

export interface WorkDir extends AsyncDisposable {
  readonly path: string;
}

/**
 * A directory of our own, in memory where there is room: a disk's moods would drown what is
 * measured.
 */
export async function makeWorkDir(parent: string | undefined): Promise<WorkDir> {
  const path = await mkdtemp(join(parent ?? ((await hasRoom(MEMORY_FILES)) ? MEMORY_FILES : tmpdir()), "bench-"));
  return {
    path,
    async [Symbol.asyncDispose]() {
      await unmountBelow(path);
      await rm(path, { recursive: true, force: true });
    },
  };
}

async function hasRoom(folder: string): Promise<boolean> {
  const [space, memory] = await Promise.all([
    statfs(folder).catch(() => undefined),
    readFile("/proc/meminfo", "utf8").catch(() => ""),
  ]);
  const availableBytes = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(memory)?.[1] ?? 0) * 1024;
  return space !== undefined && space.bavail * space.bsize >= ROOM_BYTES && availableBytes >= 2 * ROOM_BYTES;
}

/** A buildkitd that was killed amid a build leaves its mounts. */
async function unmountBelow(folder: string): Promise<void> {
  const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n").map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).toReversed())
    await run({ command: "umount", args: ["--lazy", mount] }, AbortSignal.timeout(UNMOUNT_DEADLINE_MS));
}
