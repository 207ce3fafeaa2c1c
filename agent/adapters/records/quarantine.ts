import { open } from "node:fs/promises";

/** Enough to see what happened; a disk that rots must not fill itself with copies of the rot. */
const MAX_KEPT_BYTES = 1024 * 1024;

/** Damaged lines on their way out of the journal. */
export interface Quarantine {
  count: number;
  keptBytes: number;
  readonly kept: Buffer[];
}

export function newQuarantine(): Quarantine {
  return { count: 0, keptBytes: 0, kept: [] };
}

export function setAside(quarantine: Quarantine, line: Buffer): void {
  quarantine.count += 1;
  if (quarantine.keptBytes + line.byteLength > MAX_KEPT_BYTES) return;
  quarantine.keptBytes += line.byteLength;
  quarantine.kept.push(Buffer.from(line), Buffer.from("\n"));
}

/** Replaces what an earlier damage left there. */
export async function writeQuarantine(path: string, { kept }: Quarantine): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(Buffer.concat(kept));
    await file.datasync();
  } finally {
    await file.close();
  }
}
