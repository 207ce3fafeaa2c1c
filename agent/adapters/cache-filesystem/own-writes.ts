import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { WriteTry } from "../../core/cache-filesystem.ts";

const { O_WRONLY, O_CREAT, O_DSYNC, O_NOFOLLOW } = constants;
/** A look that comes a little early is a look all the same. */
const EVERY_MS = 4_000;
const TRY_FILE = ".write-try";

/**
 * Tries writes from this process, for a machine without the unit that does: one at a time, so that
 * a device that hangs holds one of Node's file threads and no more. `tried()` tells how the last
 * one went, and begins the next where one is due.
 */
export function ownWrites(directory: string, nowMs: () => number): () => WriteTry {
  let [last, begunMs, count, isUnderWay]: [WriteTry, number, number, boolean] = [{ is: "none" }, -EVERY_MS, 0, false];
  const tryOnce = async (number: string): Promise<void> => {
    const errno = await writeOnce(join(directory, TRY_FILE));
    isUnderWay = false;
    last = errno === undefined ? { is: "written", number } : { is: "refused", number, errno };
  };
  return () => {
    if (isUnderWay || nowMs() - begunMs < EVERY_MS) return last;
    [begunMs, isUnderWay] = [nowMs(), true];
    count += 1;
    const number = String(count);
    last = { is: "under-way", number };
    void tryOnce(number);
    return last;
  };
}

/** Over the same block again and again, on the disk when it returns. Gives why it did not work. */
async function writeOnce(file: string): Promise<string | undefined> {
  try {
    await using handle = await open(file, O_WRONLY | O_CREAT | O_DSYNC | O_NOFOLLOW, 0o600);
    await handle.write(Buffer.alloc(16));
    return undefined;
  } catch (failure) {
    return failure instanceof Error && "code" in failure ? String(failure.code) : "EIO";
  }
}
