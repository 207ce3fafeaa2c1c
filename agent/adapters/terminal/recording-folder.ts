import { constants } from "node:fs";
import { access, readdir, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DEBUG_LIMITS } from "../../core/contract-limits.ts";
import { inWords } from "../../core/errors.ts";
import type { LeftRecording, RecordingFolder } from "../../core/recordings.ts";
import { sizeInWords } from "../../core/size-words.ts";

/** An hour at a terminal is a few MiB: with less the next one is likely to end for want of room. */
const LEAST_FREE_BYTES = 4 * 1024 * 1024;
/** Named one by one; a folder with more is counted. */
const MOST_NAMED = 100;

interface Names {
  readonly suffix: string;
  readonly aside: string;
  readonly isHeld: (file: string) => boolean;
}

/**
 * How the folder is, and which files of recordings nobody sends: neither `isHeld` nor stored.
 * `suffix` ends a recording's name, `aside` that of one which the control plane refused. Writes
 * nothing.
 */
export async function lookAtFolder(directory: string, { suffix, aside, isHeld }: Names): Promise<RecordingFolder> {
  try {
    const isThere = await stat(directory).then(
      () => true,
      (failure: unknown) => !isAbsence(failure),
    );
    // The first recording makes it.
    const where = isThere ? directory : dirname(directory);
    await access(where, constants.R_OK | constants.W_OK | constants.X_OK);
    const names = (isThere ? await readdir(directory) : []).filter(
      (name) => name.endsWith(aside) || (name.endsWith(suffix) && !isHeld(name)),
    );
    const left = await Promise.all(names.slice(0, MOST_NAMED).map((name) => leftFile(directory, name, aside)));
    return {
      directory,
      problem: await shortage(where),
      left: left.filter((one) => one !== undefined).toSorted((a, b) => a.writtenMs - b.writtenMs),
      moreLeft: Math.max(0, names.length - MOST_NAMED),
    };
  } catch (failure) {
    return { directory, problem: inWords(failure), left: [], moreLeft: 0 };
  }
}

function isAbsence(failure: unknown): boolean {
  return failure instanceof Error && "code" in failure && failure.code === "ENOENT";
}

/** Undefined: it has gone meanwhile. */
async function leftFile(directory: string, file: string, aside: string): Promise<LeftRecording | undefined> {
  const found = await stat(join(directory, file)).catch(() => undefined);
  if (found === undefined) return undefined;
  return { file, sizeBytes: found.size, writtenMs: Math.round(found.mtimeMs), isRefused: file.endsWith(aside) };
}

async function shortage(directory: string): Promise<string> {
  const { bavail, bsize, files, ffree } = await statfs(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes < LEAST_FREE_BYTES)
    return `${sizeInWords(freeBytes)} free, and one recording may take ${sizeInWords(DEBUG_LIMITS.recordingBytes)}`;
  return files > 0 && ffree === 0 ? "no inode is free" : "";
}
