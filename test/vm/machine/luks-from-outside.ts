import { sh } from "../../volume/disk-image.ts";

/** cryptsetup(8): a wrong passphrase. */
const NO_KEY = 2;

/**
 * Whether a key opens a slot of the LUKS header in this file, on this machine: nothing is mapped.
 */
export function opensWith(file: string, key: Uint8Array): boolean {
  try {
    sh("cryptsetup", ["open", "--test-passphrase", "--type", "luks2", "--key-file", "-", file], key);
    return true;
  } catch (failure) {
    if (failure instanceof Error && "status" in failure && failure.status === NO_KEY) return false;
    throw failure;
  }
}

export function keySlotsOf(file: string): number {
  // The form of LUKS2's own metadata.
  const { keyslots } = JSON.parse(sh("cryptsetup", ["luksDump", "--dump-json-metadata", file])) as {
    readonly keyslots: Readonly<Record<string, unknown>>;
  };
  return Object.keys(keyslots).length;
}
