import { execFile } from "node:child_process";
import { open, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { AgentError } from "../../core/errors.ts";
import { programEnvironment } from "../../core/program-environment.ts";
import { anyText, type Field, finite, fromJson, object, optional, wholeFrom } from "../../wire/fields.ts";

/**
 * A file that is there from before buildkitd starts until it has ended cleanly and what it wrote is
 * on the disk. Found at a start, the last run ended uncleanly: a crash, a kill, a power cut.
 */
export interface InUse {
  readonly startedAtMs: number;
  /** Runs before this one that crashed in a row, each soon after its start. */
  readonly crashesInARow: number;
  /** Of the kernel under which it ran; absent where that is not known. */
  readonly bootId?: string;
}

const inUseField: Field<InUse> = object({
  startedAtMs: finite(),
  crashesInARow: wholeFrom(0),
  bootId: optional(anyText),
});

/** Less than the unit gives to what comes after its end (`TimeoutStopSec=`). */
const SYNC_MS = 8_000;

/** buildkitd's own: it removes it last of all, after its databases are closed. */
const OWN_LOCK = "buildkitd.lock";

/**
 * Undefined where there is no such file. One that a power cut left torn says no more than that it
 * is there.
 */
export async function readInUse(file: string): Promise<InUse | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return fromJson(inUseField, text);
  } catch {
    return { startedAtMs: 0, crashesInARow: 0 };
  }
}

/**
 * On the disk when it resolves. A full disk has room for a name at least: then the file is empty.
 */
export async function markInUse(file: string, inUse: InUse): Promise<void> {
  const handle = await open(file, "w", 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(inUse)}\n`).catch(unlessFull);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncFile(dirname(file));
}

/**
 * The whole file system first: neither the files of layers nor all databases are written with
 * fsync, and without the mark nobody would doubt them after a power cut. What takes too long for
 * that keeps the mark. Whether it is gone.
 */
export async function unmarkInUse(file: string): Promise<boolean> {
  try {
    const env = programEnvironment(process.env["PATH"]);
    await promisify(execFile)("sync", ["--file-system", "--", dirname(file)], { env, timeout: SYNC_MS });
  } catch {
    return false;
  }
  await rm(file, { force: true });
  return true;
}

export function holdsOwnLock(rootDir: string): Promise<boolean> {
  return stat(join(rootDir, OWN_LOCK)).then(
    () => true,
    () => false,
  );
}

/**
 * A lock that was left behind is free; one that is held means a living buildkitd, whose databases
 * are nobody else's business.
 * @throws {AgentError} "buildkit.root-in-use" (retryable)
 */
export async function refuseIfRunning(rootDir: string, signal: AbortSignal): Promise<void> {
  if (!(await holdsOwnLock(rootDir))) return;
  const args = ["--nonblock", "--conflict-exit-code", String(EX_TEMPFAIL), join(rootDir, OWN_LOCK), "true"];
  try {
    await promisify(execFile)("flock", args, { signal, env: programEnvironment(process.env["PATH"]) });
  } catch (cause) {
    signal.throwIfAborted();
    const isHeld = cause instanceof Error && "code" in cause && cause.code === EX_TEMPFAIL;
    const message = isHeld
      ? `Another buildkitd works on ${rootDir}`
      : `It is not known whether a buildkitd works on ${rootDir}`;
    throw new AgentError("buildkit.root-in-use", message, { retryable: true, cause });
  }
}

/** sysexits(3): try again later. */
const EX_TEMPFAIL = 75;

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r").catch(() => undefined);
  try {
    await handle?.sync();
  } finally {
    await handle?.close();
  }
}

function unlessFull(failure: NodeJS.ErrnoException): void {
  if (failure.code !== "ENOSPC" && failure.code !== "EDQUOT") throw failure;
}
