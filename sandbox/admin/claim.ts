import { once } from "node:events";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { EXIT, isErrno, messageOf, SandboxFailure } from "../failure.ts";
import { removeStaleRuntimeDir } from "../stack/runtime-dir.ts";

const schema = z.object({ pid: z.int(), adminSocket: z.string(), runtimeDir: z.string() });

/** What can be up in a directory. */
export interface Inhabitant {
  /** "sandbox" */
  readonly name: string;
  /** In the directory: says that one is up, and how to reach it. */
  readonly claimFile: string;
  /** The command that starts one, but for its `--dir`. */
  readonly start: string;
}

export const SANDBOX: Inhabitant = {
  name: "sandbox",
  claimFile: "sandbox.json",
  start: "npm run sandbox -- up --listen 127.0.0.1:8443",
};

/** What a directory's file says: whose it is, and how to reach that. */
export type Claim = z.infer<typeof schema>;

/** Undefined if there is none, or none that can be read. */
export async function readClaim(dir: string, who = SANDBOX): Promise<Claim | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(join(dir, who.claimFile), "utf8")));
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
 * Takes a directory, and makes it if need be. The claim of one that was killed gives way.
 * @throws {SandboxFailure} when one is up there, or the directory cannot be made or written.
 */
export async function claimDir(path: string, claim: Omit<Claim, "pid">, who = SANDBOX): Promise<ClaimedDir> {
  const file = join(path, who.claimFile);
  await removeStale(path, who);
  try {
    const made = (await mkdir(path, { recursive: true, mode: 0o700 })) !== undefined;
    await writeNew(file, `${JSON.stringify({ ...claim, pid: process.pid })}\n`);
    return { path, made, [Symbol.asyncDispose]: () => rm(file, { force: true }) };
  } catch (cause) {
    if (isErrno(cause, "EEXIST") && (await readClaim(path, who)) !== undefined) {
      throw new SandboxFailure(EXIT.unavailable, `A ${who.name} is starting in ${path} already.`, cause);
    }
    throw new SandboxFailure(EXIT.cannotCreate, `Cannot use ${path} as a directory: ${messageOf(cause)}.`, cause);
  }
}

/**
 * Whole from its first moment: half a claim, of a process that was killed, would never give way.
 * @throws {Error} EEXIST
 */
async function writeNew(file: string, content: string): Promise<void> {
  const part = `${file}.${process.pid}.part`;
  await writeFile(part, content, { mode: 0o600 });
  try {
    await link(part, file);
  } finally {
    await rm(part);
  }
}

/** @throws {SandboxFailure} when the one there is alive. */
async function removeStale(path: string, who: Inhabitant): Promise<void> {
  const older = await readClaim(path, who);
  if (older === undefined) return;
  if (await answers(older.adminSocket)) {
    throw new SandboxFailure(EXIT.unavailable, `A ${who.name} is up in ${path} already (process ${older.pid}).`);
  }
  await removeStaleRuntimeDir(older.runtimeDir);
  await rm(join(path, who.claimFile), { force: true });
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
