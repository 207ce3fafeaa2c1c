import { readFile } from "node:fs/promises";
import { AgentError } from "../../core/errors.ts";

/**
 * The user at the other end, as the service manager names an accepted connection's unit: "<number>-<pid>-<uid>" (systemd.socket(5), Accept=; from
 * release 257 on the process has an inode after an underscore). @throws {AgentError} "cache.peer-unknown"
 */
export function peerUid(instance: string): number {
  const uid = /^\d+-\d+(?:_\d+)?-(?<uid>\d+)$/.exec(instance)?.groups?.["uid"];
  if (uid !== undefined) return Number(uid);
  throw new AgentError(
    "cache.peer-unknown",
    `${JSON.stringify(instance.slice(0, 64))} does not tell who asks: it must be <number>-<pid>-<uid>, as systemd names a connection`,
    { retryable: false },
  );
}

/** Root may, and the one user that control runs as. @throws {AgentError} "cache.peer-refused" */
export async function requirePeer(uid: number, userName: string, passwdFile = "/etc/passwd"): Promise<void> {
  if (uid === 0) return;
  const allowed = uidOf(userName, await readFile(passwdFile, "utf8"));
  if (uid === allowed) return;
  throw new AgentError(
    "cache.peer-refused",
    `User ${uid} may not order a cache volume: only root and ${userName} may`,
    {
      retryable: false,
    },
  );
}

/** passwd(5): name, password, uid, … Undefined for a name that is not there, or that is there twice. */
function uidOf(name: string, passwd: string): number | undefined {
  const entries = passwd
    .split("\n")
    .map((line) => line.split(":"))
    .filter(([user]) => user === name);
  const uid = entries.length === 1 ? entries[0]?.[2] : undefined;
  return uid !== undefined && /^\d+$/.test(uid) ? Number(uid) : undefined;
}
