import { statfs } from "node:fs/promises";
import { AgentError } from "../../core/errors.ts";
import { withDeadline } from "./with-deadline.ts";

const STATFS_DEADLINE_MS = 5_000;

export interface Space {
  readonly sizeBytes: number;
  /** What is left for a process without privilege: the file system's reserve is not counted. */
  readonly freeBytes: number;
  /** 0 where the file system makes them as it needs them (btrfs). */
  readonly inodes: number;
  readonly freeInodes: number;
}

/**
 * Reads the size of the file system that holds a directory. A device that hangs holds one of Node's
 * few file threads for each question, so a question is not asked again before the last one was
 * answered.
 */
export function cacheSpace(): (directory: string) => Promise<Space> {
  const underWay = new Map<string, Promise<Space>>();
  return async (directory) => {
    const asked = underWay.get(directory) ?? ask(directory).finally(() => underWay.delete(directory));
    underWay.set(directory, asked);
    try {
      return await withDeadline(`statfs of ${directory}`, STATFS_DEADLINE_MS, asked);
    } catch (cause) {
      throw new AgentError("machine.space-unknown", `Cannot read the free space of ${directory}: is it mounted?`, {
        retryable: true,
        cause,
      });
    }
  };
}

async function ask(directory: string): Promise<Space> {
  const { blocks, bavail, bsize, files, ffree } = await statfs(directory);
  return { sizeBytes: blocks * bsize, freeBytes: bavail * bsize, inodes: files, freeInodes: ffree };
}
