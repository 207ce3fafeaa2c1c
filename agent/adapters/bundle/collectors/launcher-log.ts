import { open, readdir, readlink } from "node:fs/promises";
import { type Collector, NotThere } from "../collector.ts";
import { readHead } from "../read-file.ts";

const CHUNK_BYTES = 64 * 1024;
const SOCKETS_MAX_BYTES = 8 * 1024 * 1024;

/**
 * The end of the launcher's log, where its standard output is a file. `managerSocket`: where it
 * listens, by which it is found.
 */
export function launcherLog(managerSocket: string, maxBytes: number): Collector {
  return {
    kind: "stream",
    path: "logs/launcher",
    what: "the launcher's log, on a machine without systemd, where it goes to a file",
    isFreeText: true,
    maxBytes,
    collect: (signal) => endOfLog(managerSocket, maxBytes, signal),
  };
}

async function* endOfLog(
  managerSocket: string,
  maxBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const pid = await holderOf(managerSocket);
  if (pid === undefined) throw new NotThere(`No launcher listens on ${managerSocket}`);
  // The kernel's own name of an open file, of a process of ours: no link that somebody made.
  await using file = await open(`/proc/${pid}/fd/1`, "r");
  const found = await file.stat();
  if (!found.isFile())
    throw new NotThere(
      "The launcher's log goes to a terminal, a pipe or a socket, and is kept by whoever reads that: see there",
    );
  let at = Math.max(0, found.size - maxBytes);
  let isLineBegun = at > 0;
  while (at < found.size && !signal.aborted) {
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(CHUNK_BYTES),
      0,
      Math.min(CHUNK_BYTES, found.size - at),
      at,
    );
    if (bytesRead === 0) return;
    at += bytesRead;
    const bytes = buffer.subarray(0, bytesRead);
    const from = isLineBegun ? bytes.indexOf("\n") + 1 : 0;
    if (isLineBegun && from === 0) continue;
    isLineBegun = false;
    yield bytes.subarray(from);
  }
}

/**
 * The process that has the listening socket of this name, in whatever network it is: each has a
 * table of its own.
 */
async function holderOf(socketPath: string): Promise<string | undefined> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const networks = new Map<string, string>();
  for (const pid of pids) networks.set(await readlink(`/proc/${pid}/ns/net`).catch(() => "closed"), pid);
  const tables = [...networks.values()].map((pid) =>
    readHead(`/proc/${pid}/net/unix`, SOCKETS_MAX_BYTES).catch(() => ""),
  );
  const sockets = (await Promise.all(tables)).flatMap((table) => table.toString().split("\n"));
  const inodes = sockets.map((line) => line.split(" ")).filter((fields) => fields.at(-1) === socketPath);
  // "…: RefCount Protocol Flags Type St Inode Path", aligned by spaces.
  const names = new Set(inodes.map((fields) => `socket:[${fields.at(-2)}]`));
  if (names.size === 0) return undefined;
  for (const pid of pids) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const links = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => "")));
    if (links.some((link) => names.has(link))) return pid;
  }
  return undefined;
}
