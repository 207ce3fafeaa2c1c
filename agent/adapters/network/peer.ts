import { readFile } from "node:fs/promises";
import { acceptedUid, uidOf } from "../../core/accepted-peer.ts";
import { AgentError } from "../../core/errors.ts";

/** Root may order the builds' network, and the one user that control runs as. @throws {AgentError} "network.peer-refused" */
export async function requirePeer(instance: string, userName: string, passwdFile = "/etc/passwd"): Promise<void> {
  const uid = acceptedUid(instance);
  if (uid === 0) return;
  if (uid !== undefined && uid === uidOf(userName, await readFile(passwdFile, "utf8"))) return;
  const who = uid === undefined ? JSON.stringify(instance.slice(0, 64)) : `User ${uid}`;
  throw new AgentError(
    "network.peer-refused",
    `${who} may not order the builds' network: only root and ${userName} may`,
    { retryable: false },
  );
}
