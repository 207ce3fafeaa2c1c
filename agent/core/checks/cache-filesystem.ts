import type { CacheFilesystemView, DeviceSeen, MountSeen } from "../cache-filesystem.ts";
import type { Resources } from "../machine.ts";
import { rfc3339 } from "../moment.ts";
import { sizeInWords } from "../size-words.ts";
import { type Check, failed, type Look, ok, unknown } from "./check.ts";

type Seen = Extract<CacheFilesystemView, { at: "seen" }>;

/** More than one block of any file system. */
const WRITE_BYTES = 1024 * 1024;

const KERNEL = "journalctl --dmesg --since=-1h tells what the kernel says of it";
const REOPEN = `builder-agent drain, then reboot: the volume is checked before it is used again. ${KERNEL}`;

/**
 * `cache-volume` says that the cache was opened; this one that it still takes what BuildKit writes.
 * The first cause that is found is told: what is gone is not called read-only as well.
 */
export const cacheFilesystem: Check = {
  name: "cache-filesystem",
  title: "File system of the cache",
  blocking: true,
  neededByBuilds: true,
  dependsOn: ["machine-certificate", "control-plane-view", "cache-volume"],
  remedy: REOPEN,
  evidence: ({ cacheFilesystem: view }) => (view.at === "unknown" ? ["not looked at yet"] : facts(view)),
  look({ cache, cacheFilesystem: view, resources }) {
    if (cache.at !== "open") return unknown("No cache is open");
    if (view.at === "unknown") return unknown("Not looked at yet");
    return placeLook(view) ?? deviceLook(view.now.device) ?? writeLook(view, resources);
  },
};

function facts({ opened, now: { mount, device, errors }, write }: Seen): readonly string[] {
  return [
    mount === undefined ? "nothing is mounted" : `${named(mount)} at ${mount.mountPoint}: ${mount.options.join(",")}`,
    ...(opened === undefined ? [] : [`opened: ${named(opened)}`]),
    ...(device === undefined ? [] : [`device ${device.which}: ${device.is}`]),
    ...(errors === undefined ? [] : [errorsInWords(errors)]),
    `the last write: ${write.is}`,
  ];
}

/** Whether what was opened is still where BuildKit works. */
function placeLook({ opened, now: { mount } }: Seen): Look | undefined {
  if (mount === undefined) {
    const what =
      opened === undefined ? "Nothing is mounted in the cache's place" : `${named(opened)} is not mounted any more`;
    return failed(`${what}: what is written there goes to the machine's own disk`, {
      remedy:
        "Find who unmounted it (journalctl --since=-1h); it is mounted again with BuildKit's next start, or by a reboot",
    });
  }
  if (opened === undefined || (mount.device === opened.device && mount.root === opened.root)) return undefined;
  return failed(`${named(mount)} lies over the cache, which is ${named(opened)}`, {
    remedy: `umount ${mount.mountPoint} takes away what lies on top; then find who put it there`,
  });
}

function deviceLook(device: DeviceSeen | undefined): Look | undefined {
  if (device === undefined) return undefined;
  switch (device.is) {
    case "gone":
      return failed(`Its device ${device.which} is gone: nothing that is written gets there`, {
        remedy: `Find out from the machine's provider where ${device.which} is; then ${lower(REOPEN)}`,
      });
    case "unmapped":
      return failed(`The mapping ${device.which} has no device below it any more: every write fails`);
    case "suspended":
      return failed(`The mapping ${device.which} is suspended: every write waits`, {
        remedy: `dmsetup resume builder-agent-cache lets it go on, once it is known who suspended it`,
      });
    case "there":
      return undefined;
    default:
      return device.is satisfies never;
  }
}

function writeLook({ now: { mount, errors }, write }: Seen, resources: Resources | undefined): Look {
  const evidence = mount === undefined ? "" : `${mount.filesystem} on ${mount.source}: ${mount.options.join(",")}`;
  const found = errors === undefined ? "" : `; ${errorsInWords(errors)}`;
  if (isReadOnly(mount?.options ?? []) || (write.is === "refused" && write.errno === "EROFS"))
    return failed(
      `Read-only${write.is === "refused" ? `: a write fails with ${write.errno}` : ""} (${evidence})${found}`,
    );
  switch (write.is) {
    case "hanging":
      return failed(`A write of 16 bytes hangs since ${rfc3339(write.sinceMs)} (${evidence})${found}`, {
        remedy: `The disk, or the way to it, does not answer: see what its provider says, or replace this machine. ${KERNEL}`,
      });
    case "refused":
      if (write.errno === "ENOSPC") return withoutSpace(evidence, resources);
      return failed(`A write of 16 bytes fails with ${write.errno} (${evidence})${found}`);
    case "nobody":
      return {
        ...unknown(`Mounted (${evidence}), but nobody tries whether it takes a write`),
        blocking: false,
        remedy: "systemctl start builder-agent-cache-watch.service",
      };
    case "first":
      return unknown("The first write is under way");
    case "written":
      if (errors === undefined) return ok(`Takes writes (${evidence})`);
      return failed(`Takes writes, but is damaged: ${errorsInWords(errors)} (${evidence})`, { blocking: false });
    default:
      return write satisfies never;
  }
}

/** That the file system is full is the check `disk`'s to say: it knows what is done about it. */
function withoutSpace(evidence: string, resources: Resources | undefined): Look {
  const free = resources?.cacheFreeBytes ?? 0;
  const isFull = free < WRITE_BYTES || (resources?.cacheInodes !== 0 && resources?.cacheFreeInodes === 0);
  if (isFull) return ok(`Takes writes when there is space (${evidence})`);
  const told = `A write of 16 bytes fails with ENOSPC, though ${sizeInWords(free)} are free (${evidence})`;
  return failed(`${told}: the storage under it is full`, {
    remedy: "Make room where its device lies: a thin volume, or the file of a loop device, is full",
  });
}

/** Kernels from 6.15 on keep "rw", and say the rest in words of their own. */
function isReadOnly(options: readonly string[]): boolean {
  return ["ro", "emergency_ro", "shutdown"].some((option) => options.includes(option));
}

function errorsInWords({ count, errno, where }: { count: number; errno: string; where: string }): string {
  const last = [errno, where === "" ? "" : `in ${where}`].filter((part) => part !== "").join(" ");
  return `the kernel counts ${count} ${count === 1 ? "error" : "errors"} of it, the last ${last || "unnamed"}`;
}

function named({ source, filesystem }: MountSeen): string {
  return `${source} (${filesystem})`;
}

function lower(sentence: string): string {
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`;
}
