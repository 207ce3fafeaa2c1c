/** Of one bundle: where support finds it in the log, and whose it is. */
export interface BundleName {
  /** "BUG-20261129T190421Z-0123456789abcdef": printed, logged, and in the manifest. */
  readonly marker: string;
  /** "builder-agent-<machine>-20261129T190421Z": the archive's, and of the one folder in it. */
  readonly folder: string;
}

/**
 * `machineId`: as the control plane named it, or what stands for it; what no file name should have
 * becomes "-". `random`: 8 bytes.
 */
export function bundleName(machineId: string, nowMs: number, random: Uint8Array): BundleName {
  const utc = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const hex = [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const machine = machineId.replaceAll(/[^A-Za-z0-9_-]+/g, "-").slice(0, MACHINE_MAX_CHARACTERS);
  return { marker: `BUG-${utc}-${hex}`, folder: `builder-agent-${machine || "machine"}-${utc}` };
}

const MACHINE_MAX_CHARACTERS = 80;

/** A path in the archive: relative, of plain names, without "." and "..". */
export function isEntryName(path: string): boolean {
  return /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/.test(path);
}
