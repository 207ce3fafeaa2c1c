import { once } from "node:events";
import { readdir, rm, statfs } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../failure.ts";
import { agentRuntimeDirIn } from "./agent-config.ts";
import { TempDir } from "./temp-dir.ts";

/** statfs(2): TMPFS_MAGIC. */
const TMPFS = 0x01021994;
const PREFIX = "builder-";
const NAME = /^builder-\w{6}$/;
/** Whose it is listens there, and nobody once that is gone, however it went. */
export const OWNER = ".owner";
/** Of an agent whose sandbox was killed, and that still ends in order. */
const AGENT = "manager.sock";
/** From a socket's name to its listener it is microseconds. */
const LOOK_AGAIN_MS = 100;

/** A short directory for sockets and keys, this process's until its disposal. */
export class RuntimeDir implements AsyncDisposable {
  readonly path: string;
  readonly #dir: TempDir;
  readonly #owner: Server;

  private constructor(dir: TempDir, owner: Server) {
    this.path = dir.path;
    this.#dir = dir;
    this.#owner = owner;
  }

  static async make(place: string): Promise<RuntimeDir> {
    const dir = await TempDir.make(join(place, PREFIX));
    const owner = createServer((socket) => socket.destroy()).listen(join(dir.path, OWNER));
    await once(owner, "listening");
    owner.unref();
    return new RuntimeDir(dir, owner);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#owner.close();
    await this.#dir[Symbol.asyncDispose]();
  }
}

/**
 * One in memory, where the machine has such a place. What killed processes left there goes: it has
 * keys of machines and builds.
 */
export async function makeRuntimeDir(): Promise<RuntimeDir> {
  const place = await shortPlace();
  await removeAbandoned(place);
  return RuntimeDir.make(place);
}

/** Removes one that a killed sandbox left behind; what does not look like one is left alone. */
export async function removeStaleRuntimeDir(path: string): Promise<void> {
  const place = await shortPlace();
  const name = path.slice(place.length + 1);
  if (path === join(place, name) && NAME.test(name)) await rm(path, { recursive: true, force: true });
}

/** One that does not say whose it is may be of a release that said so nowhere: it is left alone. */
async function removeAbandoned(place: string): Promise<void> {
  const names = (await readdir(place)).filter((name) => NAME.test(name));
  const seen = await abandoned(names.map((name) => join(place, name)));
  if (seen.length === 0) return;
  await sleep(LOOK_AGAIN_MS);
  // What dies with its owner may still write there: the next one who looks gets the rest.
  for (const dir of await abandoned(seen)) await rm(dir, { recursive: true, force: true }).catch(() => undefined);
}

async function abandoned(dirs: readonly string[]): Promise<readonly string[]> {
  const isLeft = async (dir: string): Promise<boolean> =>
    (await who(join(dir, OWNER))) === "gone" && (await who(join(agentRuntimeDirIn(dir), AGENT))) !== "here";
  const are = await Promise.all(dirs.map(isLeft));
  return dirs.filter((_, at) => are[at]);
}

/** Who listens at a socket: somebody; nobody any more, its name is left; nobody ever. */
async function who(path: string): Promise<"here" | "gone" | "nobody"> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return "here";
  } catch (failure) {
    return isErrno(failure, "ECONNREFUSED") ? "gone" : "nobody";
  } finally {
    socket.destroy();
  }
}

async function shortPlace(): Promise<string> {
  const candidates = ["/dev/shm", process.env["XDG_RUNTIME_DIR"]].filter((path) => path !== undefined && path !== "");
  for (const path of candidates) if (path !== undefined && (await isTmpfs(path))) return path;
  return tmpdir();
}

async function isTmpfs(path: string): Promise<boolean> {
  return statfs(path).then(
    ({ type }) => type === TMPFS,
    () => false,
  );
}
