import { accessSync, constants } from "node:fs";

const NEEDED = [
  "cryptsetup",
  "wipefs",
  "blkid",
  "flock",
  "mkfs.ext4",
  "e2fsck",
  "dumpe2fs",
  "resize2fs",
  "debugfs",
  "mkfs.xfs",
];

/** The storage tools that are missing on this machine; without one of them these tests are skipped, and say so. */
export const missingTools: readonly string[] = NEEDED.filter(
  (name) => !["/usr/sbin", "/usr/bin", "/sbin", "/bin"].some((folder) => isExecutable(`${folder}/${name}`)),
);

/** Behind a test's name, where it is skipped. */
export const unlessTools = missingTools.length === 0 ? "" : ` (skipped: no ${missingTools.join(", ")})`;

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
