import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Scope } from "../../agent/lifecycle/scope.ts";
import { sh } from "./disk-image.ts";

export interface FilesystemOptions {
  readonly kind: "ext4" | "xfs";
  readonly make?: readonly string[];
  readonly mountOptions?: string;
  readonly sizeMib?: number;
  /** Where its image lies; default: a directory of its own. */
  readonly imageDir?: string;
}

/** xfs has had no less since 2022. */
const LEAST_MIB = { ext4: 64, xfs: 310 } as const;

/** Mounts a real file system, on a loop device; `scope` takes it apart. Gives the device. */
export async function mountFilesystem(
  directory: string,
  { kind, make = [], mountOptions = "noatime", sizeMib = LEAST_MIB[kind], imageDir }: FilesystemOptions,
  scope: Scope,
): Promise<string> {
  const own = await mkdtemp("/tmp/volume-mounted-");
  scope.defer(() => rm(own, { recursive: true, force: true }));
  const image = join(imageDir ?? own, "image");
  sh("truncate", [`--size=${sizeMib}M`, image]);
  sh(`mkfs.${kind}`, ["-q", ...make, image]);
  const device = sh("losetup", ["--find", "--show", image]).trim();
  scope.defer(() => void sh("losetup", ["--detach", device]));
  await mkdir(directory, { recursive: true });
  sh("mount", ["-t", kind, "-o", mountOptions, device, directory]);
  // Whatever a test has done to it, also where something lies over it.
  scope.defer(() => void sh("umount", ["--recursive", "--lazy", directory]));
  return device;
}
