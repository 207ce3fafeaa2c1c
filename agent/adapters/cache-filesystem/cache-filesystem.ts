import { readFileSync } from "node:fs";
import type { CacheFilesystemSeen, MountSeen, WriteTry } from "../../core/cache-filesystem.ts";
import type { CacheFilesystem } from "../../ports/cache-filesystem.ts";
import { deviceSeen, errorsOfExt4 } from "./device-in-sysfs.ts";
import { mountHolding } from "./mount-table.ts";
import { ownWrites } from "./own-writes.ts";
import { reportedWrite } from "./write-report.ts";

/** Where the cache is mounted by the service manager, and a unit of it tries writes. */
export function mountedCache(directory: string, writeReport: string): CacheFilesystem {
  return {
    look: () => {
      const mount = mountOf(directory);
      return seen(mount?.mountPoint === directory ? mount : undefined, reportedWrite(writeReport));
    },
  };
}

/** Where the cache is a directory of whatever file system, of this process's own user. */
export function plainCacheFilesystem(directory: string, nowMs: () => number): CacheFilesystem {
  const tried = ownWrites(directory, nowMs);
  return { look: () => seen(mountOf(directory), tried()) };
}

function seen(mount: MountSeen | undefined, write: WriteTry): CacheFilesystemSeen {
  const device = mount && deviceSeen(mount.device);
  const errors = mount?.filesystem === "ext4" && device !== undefined ? errorsOfExt4(device.name) : undefined;
  return { ...(mount && { mount }), ...(device && { device }), ...(errors && { errors }), write };
}

/** The kernel answers at once; read in another thread it would be five wake-ups. */
function mountOf(directory: string): MountSeen | undefined {
  return mountHolding(readFileSync("/proc/self/mountinfo", "utf8"), directory);
}
