import { readdir, readFile, readlink, stat } from "node:fs/promises";

/**
 * The file that the launcher writes its log to: its standard output, if that is a file. The
 * launcher is whoever listens on its socket; the kernel tells who, to its user and to root.
 * Undefined: nobody listens, it is not told, or the log goes to a terminal or a pipe.
 */
export async function launcherLog(managerSocket: string): Promise<string | undefined> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const inode = (await listeningInode(managerSocket)) ?? (await listeningElsewhere(managerSocket, pids));
  if (inode === undefined) return undefined;
  for (const pid of pids) {
    if (!(await holds(pid, `socket:[${inode}]`))) continue;
    const target = await readlink(`/proc/${pid}/fd/1`).catch(() => "");
    const isFile = await stat(target).then(
      (found) => found.isFile(),
      () => false,
    );
    if (isFile) return target;
  }
  return undefined;
}

/**
 * In another network, as a sandbox's machine has one of its own: sockets are listed by network, and
 * whoever may look at a process sees its network's.
 */
async function listeningElsewhere(path: string, pids: readonly string[]): Promise<string | undefined> {
  const seen = new Set([await readlink("/proc/self/ns/net").catch(() => "")]);
  for (const pid of pids) {
    const network = await readlink(`/proc/${pid}/ns/net`).catch(() => "");
    if (seen.has(network)) continue;
    seen.add(network);
    const inode = await listeningInode(path, `/proc/${pid}/net/unix`);
    if (inode !== undefined) return inode;
  }
  return undefined;
}

/** proc_net(5): the seventh column is the inode, the eighth the path. */
export async function listeningInode(path: string, sockets = "/proc/net/unix"): Promise<string | undefined> {
  const table = await readFile(sockets, "utf8").catch(() => "");
  const rows = table.split("\n").map((line) => line.trim().split(/\s+/));
  return rows.find((row) => row[7] === path && row[3] === LISTENING)?.[6];
}

/** __SO_ACCEPTCON */
const LISTENING = "00010000";

async function holds(pid: string, link: string): Promise<boolean> {
  const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
  return links.includes(link);
}
