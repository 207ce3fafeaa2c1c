import { spawnSync } from "node:child_process";
import { sh } from "../../volume/disk-image.ts";

const DEADLINE_MS = 60_000;

/** Whether a key opens a slot of the LUKS header in this file, on this machine: nothing is mapped. */
export function opensWith(file: string, key: Uint8Array): boolean {
  const args = ["open", "--test-passphrase", "--type", "luks2", "--key-file", "-", file];
  const { status, stderr } = spawnSync("cryptsetup", args, { input: key, encoding: "utf8", timeout: DEADLINE_MS });
  // cryptsetup(8): 2 is a wrong passphrase.
  if (status === 0 || status === 2) return status === 0;
  if (/No usable keyslot/.test(stderr)) return false;
  throw new Error(`cryptsetup ended with ${status}: ${stderr}`);
}

export function keySlotsOf(file: string): number {
  // The form of LUKS2's own metadata.
  const { keyslots } = JSON.parse(sh("cryptsetup", ["luksDump", "--dump-json-metadata", file])) as {
    readonly keyslots: Readonly<Record<string, unknown>>;
  };
  return Object.keys(keyslots).length;
}
