import { readFile } from "node:fs/promises";
import { acceptedUid, uidOf } from "../../core/accepted-peer.ts";
import { AgentError } from "../../core/errors.ts";

/** The user at the other end of an accepted connection. @throws {AgentError} "cache.peer-unknown" */
export function peerUid(instance: string): number {
  const uid = acceptedUid(instance);
  if (uid !== undefined) return uid;
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
