import { describe, expect, it } from "vitest";
import type { CacheFilesystemView, MountSeen } from "../../agent/core/cache-filesystem.ts";
import { examined } from "../../agent/core/checks/examine.ts";
import type { Finding } from "../../agent/core/health.ts";
import type { Known } from "../../agent/core/known.ts";
import { CACHE_MOUNT, FIXED, NOW, WELL } from "./sample.ts";

type Seen = Extract<CacheFilesystemView, { at: "seen" }>;

const SEEN: Seen = { at: "seen", opened: CACHE_MOUNT, now: { mount: CACHE_MOUNT }, write: { is: "written" } };
const refused = (errno: string): Seen["write"] => ({ is: "refused", errno });
const mounted = (over: Partial<MountSeen>): Seen["now"] => ({ mount: { ...CACHE_MOUNT, ...over } });
const device = (is: "gone" | "unmapped" | "suspended", which = "dm-0"): Seen["now"] => ({
  mount: CACHE_MOUNT,
  device: { name: "dm-0", is, which },
});

function found(over: Partial<Seen>, known: Partial<Known> = {}): Finding | undefined {
  const all = examined({ ...WELL, cacheFilesystem: { ...SEEN, ...over }, ...known }, NOW, FIXED);
  return all.find(({ name }) => name === "cache-filesystem");
}

describe("the cache's file system is told by its first cause:", () => {
  it.each<{ because: string; over: Partial<Seen>; words: RegExp; remedy: RegExp }>([
    { because: "not mounted", over: { now: {} }, words: /is not mounted any more/, remedy: /mounted again/ },
    {
      because: "another lies over it",
      over: { now: mounted({ device: "0:51", source: "tmpfs", filesystem: "tmpfs" }), write: refused("EROFS") },
      words: /^tmpfs \(tmpfs\) lies over the cache/,
      remedy: /^umount \/var\/lib\/builder-agent\/cache/,
    },
    {
      because: "device gone",
      over: { now: device("gone", "nvme1n1"), write: refused("EIO") },
      words: /^Its device nvme1n1 is gone/,
      remedy: /provider.* drain, then reboot/,
    },
    {
      because: "mapping gone",
      over: { now: device("unmapped", "builder-agent-cache"), write: refused("EIO") },
      words: /^The mapping builder-agent-cache has no device below it/,
      remedy: /^builder-agent drain, then reboot/,
    },
    {
      because: "mapping suspended",
      over: { now: device("suspended"), write: { is: "hanging", sinceMs: NOW.wallMs } },
      words: /is suspended: every write waits$/,
      remedy: /dmsetup resume/,
    },
    ...["ro", "emergency_ro", "shutdown"].map((option) => ({
      because: `the option ${option}`,
      over: { now: mounted({ options: ["rw", option] }) },
      words: new RegExp(`^Read-only \\(ext4 on /dev/mapper/builder-agent-cache: rw,${option}\\)$`),
      remedy: /drain, then reboot/,
    })),
    { because: "EROFS", over: { write: refused("EROFS") }, words: /^Read-only: a write fails/, remedy: /reboot/ },
    { because: "EIO", over: { write: refused("EIO") }, words: /^A write of 16 bytes fails with EIO/, remedy: /reboot/ },
    {
      because: "a write that hangs",
      over: { write: { is: "hanging", sinceMs: NOW.wallMs } },
      words: /^A write of 16 bytes hangs since 2026-11-21T12:00:00Z/,
      remedy: /does not answer/,
    },
    {
      because: "storage that is full below",
      over: { write: refused("ENOSPC") },
      words: /though 512.0 GiB are free.*the storage under it is full$/,
      remedy: /^Make room where its device lies/,
    },
  ])("$because", ({ over, words, remedy }) => {
    const finding = found(over);
    expect(finding).toMatchObject({ state: "failed", blocking: true, neededByBuilds: true });
    expect(finding?.message).toMatch(words);
    expect(finding?.remedy).toMatch(remedy);
  });

  it("and BuildKit and the disk are explained by it", () => {
    const known: Known = {
      ...WELL,
      cacheFilesystem: { ...SEEN, write: refused("EIO") },
      buildkit: { ...WELL.buildkit, at: "restarting" },
      resources: { ...WELL.resources, cacheFreeBytes: 0 } as Known["resources"],
    };
    const failing = examined(known, NOW, FIXED).filter(({ state }) => state === "failed");
    expect(failing.map(({ name, causedBy }) => [name, causedBy])).toEqual([
      ["cache-filesystem", undefined],
      ["buildkit", "cache-filesystem"],
      ["disk", "cache-filesystem"],
    ]);
  });
});

it.each<{ what: string; over: Partial<Seen>; state: Finding["state"]; blocking: boolean }>([
  { what: "unknown until the first write is over", over: { write: { is: "first" } }, state: "unknown", blocking: true },
  {
    what: "unknown, and in nobody's way, where nobody tries",
    over: { write: { is: "nobody" } },
    state: "unknown",
    blocking: false,
  },
  {
    what: "a warning where it is damaged and goes on",
    over: { now: { mount: CACHE_MOUNT, errors: { count: 2, errno: "EFSCORRUPTED", where: "ext4_lookup" } } },
    state: "failed",
    blocking: false,
  },
])("the cache's file system is $what", ({ over, state, blocking }) => {
  expect(found(over)).toMatchObject({ state, blocking });
});

it("a file system that is full leaves the word to the check of its space", () => {
  const resources = { ...WELL.resources, cacheFreeBytes: 0 } as Known["resources"];
  expect(found({ write: refused("ENOSPC") }, { resources })?.state).toBe("ok");
});

it("nothing is said of it while no cache is open", () => {
  expect(found({}, { cache: { at: "opening" } })).toMatchObject({ state: "unknown", causedBy: "cache-volume" });
});
