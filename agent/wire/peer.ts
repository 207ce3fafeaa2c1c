import { readFile } from "node:fs/promises";
import { acceptedUid, uidOf } from "../core/accepted-peer.ts";
import { AgentError } from "../core/errors.ts";

/**
 * Root may ask, and the one user that control runs as. Node cannot ask a socket for its peer, so
 * `instance` is how systemd names the connection: "<number>-<pid>-<uid>", as the kernel knows them.
 * @throws {AgentError} "….peer-refused"
 */
export async function requirePeer(
  { name, answerer }: { readonly name: string; readonly answerer: string },
  instance: string,
  userName: string,
  passwdFile = "/etc/passwd",
): Promise<void> {
  const uid = acceptedUid(instance);
  if (uid === 0) return;
  if (uid !== undefined && uid === uidOf(userName, await readFile(passwdFile, "utf8"))) return;
  const who = uid === undefined ? `${JSON.stringify(instance.slice(0, 64))}, who names no user,` : `User ${uid}`;
  throw new AgentError(`${name}.peer-refused`, `${who} may not ask ${answerer}: only root and ${userName} may`, {
    retryable: false,
  });
}
