import { readdir, readFile, readlink } from "node:fs/promises";

/** Columns of /proc/net/tcp: addresses in hexadecimal, state, inode. */
const [LOCAL, REMOTE, STATE, INODE] = [1, 2, 3, 9] as const;
const LISTENS = "0A";
const SYN_SENT = "02";
const DIALS = "tcp dials ";

/**
 * What each descriptor of a process is: "pipe", "/dev/null", "unix /run/x.sock", "tcp 8443 with
 * 40112", "tcp dials 80". @throws {Error} if there is no such process.
 */
export async function descriptorsOf(pid: number): Promise<readonly string[]> {
  const own = `/proc/${pid}`;
  const sockets = new Map([...(await unixSockets(own)), ...(await tcpSockets(own))]);
  const numbers = await readdir(`${own}/fd`);
  const targets = await Promise.all(numbers.map((number) => readlink(`${own}/fd/${number}`).catch(() => "gone")));
  return targets.map((target) => {
    const [, kind, inode] = /^(\w+):\[(\d+)\]$/.exec(target) ?? [];
    return (inode !== undefined && sockets.get(inode)) || (kind ?? target);
  });
}

/**
 * Without connections that nobody has answered yet: each start of BuildKit is followed by dozens of
 * tries to reach what it must not, and the kernel gives up on them after two minutes.
 */
export function lasting(descriptors: readonly string[]): readonly string[] {
  return descriptors.filter((one) => !one.startsWith(DIALS));
}

/** Which of them there are more of: "14 × pipe, 2 × unix /run/x.sock". */
export function moreOf(before: readonly string[], now: readonly string[]): string {
  const count = (all: readonly string[], one: string): number => all.filter((other) => other === one).length;
  return [...new Set(now)]
    .map((one) => [count(now, one) - count(before, one), one] as const)
    .filter(([more]) => more > 0)
    .map(([more, one]) => `${more} × ${one}`)
    .join(", ");
}

async function unixSockets(own: string): Promise<readonly (readonly [string, string])[]> {
  const rows = await table(`${own}/net/unix`);
  return rows.map((cells) => [cells[6] ?? "", `unix ${cells[7] ?? "without a name"}`]);
}

async function tcpSockets(own: string): Promise<readonly (readonly [string, string])[]> {
  const rows = [...(await table(`${own}/net/tcp`)), ...(await table(`${own}/net/tcp6`))];
  return rows.map((cells) => [cells[INODE] ?? "", tcpWords(cells)]);
}

/** A row of /proc/net/tcp in words. */
export function tcpWords(cells: readonly string[]): string {
  const [local, remote] = [portOf(cells[LOCAL]), portOf(cells[REMOTE])];
  if (cells[STATE] === SYN_SENT) return `${DIALS}${remote}`;
  return cells[STATE] === LISTENS ? `tcp ${local} listens` : `tcp ${local} with ${remote}`;
}

function portOf(address = ""): number {
  return Number.parseInt(address.split(":").at(-1) ?? "", 16);
}

/** Without its head. */
async function table(file: string): Promise<readonly (readonly string[])[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text
    .split("\n")
    .slice(1)
    .filter(Boolean)
    .map((line) => line.trim().split(/\s+/));
}
