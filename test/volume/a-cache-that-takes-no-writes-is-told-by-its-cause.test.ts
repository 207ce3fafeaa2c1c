import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mountedCache, plainCacheFilesystem } from "../../agent/adapters/cache-filesystem/cache-filesystem.ts";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { newBoard } from "../../agent/control/board/board.ts";
import { watchCache } from "../../agent/control/watch-cache.ts";
import { cacheFilesystem } from "../../agent/core/checks/cache-filesystem.ts";
import type { Look } from "../../agent/core/checks/check.ts";
import { Scope } from "../../agent/lifecycle/scope.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import { FIXED, NOW, openedVolume, WELL } from "../core/sample.ts";
import { eventually } from "../journeys/stage/eventually.ts";
import { sh } from "./disk-image.ts";
import { whyNoLoop } from "./loop-device.ts";
import { type FilesystemOptions, mountFilesystem } from "./mounted-filesystem.ts";

const WATCH = inTree("tools/image/deb/files/watch-cache");
/** From the cause to its name. */
const TOLD_MS = 10_000;
/** Of what is only silent. */
const SILENT_MS = 20_000;

let why: string | undefined;
beforeAll(async () => {
  why = await whyNoLoop();
});
beforeEach(({ skip }) => {
  if (why !== undefined) skip(why);
});

/** A cache on a real file system, a process that tries writes, and control's own look at it. */
class Watched implements AsyncDisposable {
  readonly directory: string;
  readonly device: string;
  readonly #board = newBoard();
  readonly #scope: Scope;

  private constructor(directory: string, device: string, scope: Scope) {
    this.directory = directory;
    this.device = device;
    this.#scope = scope;
  }

  static async up(filesystem: FilesystemOptions, who: "unit" | "control" = "unit"): Promise<Watched> {
    const scope = new Scope();
    const place = await mkdtemp("/tmp/volume-watched-");
    scope.defer(() => rm(place, { recursive: true, force: true }));
    const directory = join(place, "cache");
    const watched = new Watched(directory, await mountFilesystem(directory, filesystem, scope), scope);
    const report = join(place, "write");
    const clock = systemClock();
    if (who === "unit") scope.defer(ending(spawn(WATCH, [directory, report], { stdio: "inherit" })));
    const seen =
      who === "unit" ? mountedCache(directory, report) : plainCacheFilesystem(directory, () => clock.now().monoMs);
    const stop = new AbortController();
    watched.#board.cache.set({ at: "open", volume: openedVolume() });
    const over = watchCache({ cacheFilesystem: seen, clock }, watched.#board, stop.signal);
    scope.defer(() => {
      stop.abort();
      return over;
    });
    await watched.says("ok", /^Takes writes/);
    return watched;
  }

  look(): Look {
    const known = { ...WELL, cacheFilesystem: this.#board.cacheFilesystem.get() };
    return cacheFilesystem.look(known, NOW, FIXED);
  }

  says(state: Look["state"], words: RegExp, withinMs = TOLD_MS): Promise<Look> {
    return eventually(
      `${state}: ${String(words)}`,
      () => {
        const look = this.look();
        return look.state === state && words.test(look.message) && look;
      },
      withinMs,
    ).catch((cause: unknown) => {
      throw new Error(`It says: ${JSON.stringify(this.look())}`, { cause });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope[Symbol.asyncDispose]();
  }
}

function ending(child: ChildProcess): () => Promise<void> {
  const ended = once(child, "close");
  return async () => {
    child.kill("SIGKILL");
    await ended;
  };
}

const EXT4 = { kind: "ext4" } as const;
const XFS = { kind: "xfs" } as const;

describe.concurrent("within 10 s of its cause it is told that", () => {
  it.each([EXT4, XFS])("$kind was remounted read-only, and that it takes writes again", async (filesystem) => {
    await using cache = await Watched.up(filesystem);
    sh("mount", ["-o", "remount,ro", cache.directory]);
    const { message, remedy } = await cache.says("failed", /^Read-only: a write fails with EROFS/);
    expect(message).toMatch(new RegExp(`\\(${filesystem.kind} on ${cache.device}: ro\\b`));
    expect(remedy).toBeUndefined();
    sh("mount", ["-o", "remount,rw", cache.directory]);
    await cache.says("ok", /^Takes writes/);
  });

  it("ext4 went read-only by itself, with what the kernel counts", async () => {
    await using cache = await Watched.up({ ...EXT4, mountOptions: "noatime,errors=remount-ro" });
    await writeFile(`/sys/fs/ext4/${basename(cache.device)}/trigger_fs_error`, "a test of the agent");
    await cache.says(
      "failed",
      /^Read-only: a write fails with EROFS .*the kernel counts \d+ errors? of it, the last E\w+ in \w+$/,
    );
  });

  it("ext4 is damaged and goes on, which keeps nobody out", async () => {
    await using cache = await Watched.up({ ...EXT4, mountOptions: "noatime,errors=continue" });
    await writeFile(`/sys/fs/ext4/${basename(cache.device)}/trigger_fs_error`, "a test of the agent");
    expect((await cache.says("failed", /^Takes writes, but is damaged: the kernel counts \d+ error/)).blocking).toBe(
      false,
    );
  });

  it.each([EXT4, XFS])("$kind has shut down", async (filesystem) => {
    await using cache = await Watched.up(filesystem);
    sh("xfs_io", ["-x", "-c", "shutdown", cache.directory]);
    await cache.says(
      "failed",
      /^(Read-only|A write of 16 bytes fails with EIO).*shutdown|^A write of 16 bytes fails with EIO/,
    );
  });

  it.each([EXT4, XFS])("the device under $kind answers with errors only", async (filesystem) => {
    await using below = new Scope();
    const imageDir = await mkdtemp("/tmp/volume-below-");
    below.defer(() => rm(imageDir, { recursive: true, force: true }));
    // The disk that the device's blocks lie on.
    const disk = join(imageDir, "disk");
    await mountFilesystem(disk, { kind: "ext4", sizeMib: 1_024 }, below);
    await using cache = await Watched.up({ ...filesystem, imageDir: disk });
    sh("xfs_io", ["-x", "-c", "shutdown", disk]);
    await cache.says("failed", /^(A write of 16 bytes fails with EIO|Read-only)/);
  });

  it("nothing is mounted any more, and that it is again", async () => {
    await using cache = await Watched.up(EXT4);
    sh("umount", [cache.directory]);
    const { remedy } = await cache.says("failed", /\(ext4\) is not mounted any more/);
    expect(remedy).toContain("unmounted");
    sh("mount", [cache.device, cache.directory]);
    await cache.says("ok", /^Takes writes/);
  });

  it("something else lies over it, and that it is gone", async () => {
    await using cache = await Watched.up(XFS);
    sh("mount", ["-t", "tmpfs", "somebody", cache.directory]);
    const { remedy } = await cache.says("failed", /^somebody \(tmpfs\) lies over the cache, which is \S+ \(xfs\)/);
    expect(remedy).toContain(`umount ${cache.directory}`);
    sh("umount", [cache.directory]);
    await cache.says("ok", /^Takes writes/);
  });

  it.each(["unit", "control"] as const)("writes hang, which the process that tries them (%s) survives", async (who) => {
    await using cache = await Watched.up(EXT4, who);
    sh("fsfreeze", ["--freeze", cache.directory]);
    try {
      const look = await cache.says("failed", /^A write of 16 bytes hangs since 20/, SILENT_MS);
      expect(look.remedy).toContain("does not answer");
    } finally {
      sh("fsfreeze", ["--unfreeze", cache.directory]);
    }
    await cache.says("ok", /^Takes writes/);
  });
});
