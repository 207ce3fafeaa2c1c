import { randomBytes } from "node:crypto";
import { AgentError } from "../../core/errors.ts";
import { readIfThere, replaceFile } from "../../files/whole-file.ts";

const BYTES = 32;

/**
 * This machine's own key for the labels of per-boot volumes, whose own keys are gone after the
 * boot. It proves only that we made them.
 */
export async function readLabelKey(path: string): Promise<Uint8Array | undefined> {
  const bytes = await readIfThere(path);
  if (bytes === undefined || bytes.length === BYTES) return bytes;
  throw new AgentError(
    "cache.label-key-damaged",
    `${path} is damaged: remove it; per-boot volumes that this machine made before will then be refused until they are wiped by hand`,
    { retryable: false },
  );
}

/** Made at first use. */
export async function ownLabelKey(path: string): Promise<Uint8Array> {
  const known = await readLabelKey(path);
  if (known !== undefined) return known;
  const made = randomBytes(BYTES);
  await replaceFile(path, made, { directoryMode: 0o700 });
  return made;
}
