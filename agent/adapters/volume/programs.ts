import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../core/errors.ts";
import { programEnvironment } from "../../core/program-environment.ts";

export const ENVIRONMENT = programEnvironment(process.env["PATH"]);

const PACKAGES: Readonly<Record<string, string>> = {
  cryptsetup: "cryptsetup-bin",
  dmsetup: "dmsetup",
  udevadm: "udev",
  "mkfs.ext4": "e2fsprogs",
  e2fsck: "e2fsprogs",
  dumpe2fs: "e2fsprogs",
  resize2fs: "e2fsprogs",
  "mkfs.xfs": "xfsprogs",
  xfs_repair: "xfsprogs",
  xfs_growfs: "xfsprogs",
};

/** @throws {AgentError} "cache.tool-missing", with the package that has it. */
export async function findProgram(
  name: string,
  path: readonly string[] = ENVIRONMENT.PATH.split(":"),
): Promise<string> {
  for (const directory of path) {
    const file = join(directory, name);
    if (await isExecutable(file)) return file;
  }
  throw new AgentError(
    "cache.tool-missing",
    `The cache volume needs ${name}, which is not in ${path.join(":")}: install the package ${PACKAGES[name] ?? "util-linux"}`,
    { retryable: false },
  );
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
