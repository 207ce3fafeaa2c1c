import { readFile } from "node:fs/promises";
import { run } from "../../../tools/setup/child.mjs";

const DEADLINE_MS = 30_000;

/** Makes a key pair; gives its public half as a line of authorized_keys. */
export async function makeSshKey(keyFile: string): Promise<string> {
  const args = ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", keyFile];
  await run({ what: "ssh-keygen", command: "ssh-keygen", args, deadlineMs: DEADLINE_MS });
  return (await readFile(`${keyFile}.pub`, "utf8")).trim();
}
