import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { EXIT, isErrno, messageOf, SandboxFailure } from "../failure.ts";
import { removeStaleRuntimeDir } from "../stack/runtime-dir.ts";

const schema = z.object({ pid: z.int(), adminSocket: z.string(), runtimeDir: z.string() });

/** What a directory's file says: which sandbox it belongs to, and how to reach it. */
export type Claim = z.infer<typeof schema>;

/** Undefined if there is none, or none that can be read. */
export async function readClaim(dir: string): Promise<Claim | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(claimFile(dir), "utf8")));
  } catch {
    return undefined;
  }
}

/** A directory that is this process's until disposal. */
export interface ClaimedDir extends AsyncDisposable {
  readonly path: string;
  /** It was not there before. */
  readonly made: boolean;
}

/**
 * Takes a directory, and makes it if need be. The claim of a sandbox that was killed gives way.
 * @throws {SandboxFailure} when a sandbox is up there, or the directory cannot be made or written.
 */
export async function claimDir(path: string, claim: Omit<Claim, "pid">): Promise<ClaimedDir> {
  const file = claimFile(path);
  await removeStale(path);
  try {
    const made = (await mkdir(path, { recursive: true, mode: 0o700 })) !== undefined;
    await writeFile(file, `${JSON.stringify({ ...claim, pid: process.pid })}\n`, { flag: "wx", mode: 0o600 });
    return { path, made, [Symbol.asyncDispose]: () => rm(file, { force: true }) };
  } catch (cause) {
    if (isErrno(cause, "EEXIST") && (await readClaim(path)) !== undefined) {
      throw new SandboxFailure(EXIT.unavailable, `A sandbox is starting in ${path} already.`, cause);
    }
    throw new SandboxFailure(EXIT.cannotCreate, `Cannot use ${path} as a directory: ${messageOf(cause)}.`, cause);
  }
}

/** @throws {SandboxFailure} when the sandbox there is alive. */
async function removeStale(path: string): Promise<void> {
  const older = await readClaim(path);
  if (older === undefined) return;
  if (await answers(older.adminSocket)) {
    throw new SandboxFailure(EXIT.unavailable, `A sandbox is up in ${path} already (process ${older.pid}).`);
  }
  await removeStaleRuntimeDir(older.runtimeDir);
  await rm(claimFile(path), { force: true });
}

function claimFile(dir: string): string {
  return join(dir, "sandbox.json");
}

async function answers(socketPath: string): Promise<boolean> {
  const socket = connect(socketPath);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
