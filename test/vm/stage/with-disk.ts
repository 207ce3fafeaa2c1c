import { tmpdir } from "node:os";
import { join } from "node:path";
import { TempDir } from "../../../sandbox/stack/temp-dir.ts";
import { DataDisk } from "../machine/data-disk.ts";

const DISK_BYTES = 1024 ** 3;

/** A blank disk that outlives the machines which it is plugged into, and goes with its scope. */
export async function withDisk(
  sizeBytes = DISK_BYTES,
): Promise<AsyncDisposable & { readonly disk: DataDisk; readonly dir: string }> {
  const dir = await TempDir.make(join(tmpdir(), "vm-disk-"));
  const disk = await DataDisk.blank({ file: join(dir.path, "cache.raw"), sizeBytes });
  return { disk, dir: dir.path, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}
