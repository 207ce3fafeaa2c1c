import { chmod, mkdir, mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { linuxMachine } from "../../agent/adapters/machine/linux-machine.ts";
import { withDeadline } from "../../agent/adapters/machine/with-deadline.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "machine-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function script(text: string): Promise<string> {
  const path = join(folder, "buildkitd");
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

async function proc(files: Readonly<Record<string, string>>): Promise<string> {
  await mkdir(join(folder, "sys/kernel/random"), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

describe("facts", () => {
  it("say what this machine is", async () => {
    const facts = await linuxMachine({ buildkitBinary: "buildkitd" }).facts(new AbortController().signal);
    expect(facts).toMatchObject({
      bootId: (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim(),
      cpuCount: cpus().length,
      memoryBytes: totalmem(),
    });
    expect(facts.architecture).toMatch(/^(amd64|arm64)$/);
    expect(facts.os).not.toBe("");
    for (const { path, sizeBytes } of facts.blockDevices) {
      expect(path).toMatch(/^\/dev\/\w+$/);
      expect(sizeBytes).toBeGreaterThan(0);
    }
  });

  it("are not waited for when nobody wants them any more", async () => {
    await expect(linuxMachine({ buildkitBinary: "buildkitd" }).facts(AbortSignal.abort())).rejects.toThrow("aborted");
  });
});

describe("the boot id", () => {
  it("is the kernel's, and the same each time", async () => {
    const machine = linuxMachine({ buildkitBinary: "buildkitd" });
    expect(await machine.bootId()).toMatch(/^[0-9a-f-]{36}$/);
    expect(await machine.bootId()).toBe(await machine.bootId());
  });

  it("is never made up", async () => {
    const procDir = await proc({ "sys/kernel/random/boot_id": "\n" });
    await expect(linuxMachine({ buildkitBinary: "x", procDir }).bootId()).rejects.toMatchObject({
      code: "machine.no-boot-id",
    });
    await rm(join(procDir, "sys/kernel/random/boot_id"));
    await expect(linuxMachine({ buildkitBinary: "x", procDir }).bootId()).rejects.toMatchObject({
      code: "machine.no-boot-id",
      cause: { code: "ENOENT" },
    });
  });
});

describe("versions", () => {
  it.each([
    { says: "echo 'buildkitd github.com/moby/buildkit v0.33.1 abcdef'", version: "v0.33.1" },
    { says: "echo 'something else'", version: "" },
    { says: "exit 3", version: "" },
  ])("name BuildKit's as its program says it: $says", async ({ says, version }) => {
    const machine = linuxMachine({ buildkitBinary: await script(says) });
    const own = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
    expect(await machine.versions()).toEqual({
      agent: own.version,
      node: process.version,
      buildkit: version,
      contract: "builder.agent.v1",
    });
  });

  it("do without BuildKit's where there is none", async () => {
    const { buildkit } = await linuxMachine({ buildkitBinary: join(folder, "none") }).versions();
    expect(buildkit).toBe("");
  });
});

describe("resources", () => {
  it("are the cache's file system, and the memory that is available", async () => {
    const meminfo = "MemTotal:       1000 kB\nMemFree:         10 kB\nMemAvailable:    123 kB\n";
    const procDir = await proc({ meminfo });
    const found = await linuxMachine({ buildkitBinary: "x", procDir }).resources("/dev/shm");
    const { blocks, bsize, files } = await statfs("/dev/shm");
    expect(found.memoryAvailableBytes).toBe(123 * 1024);
    expect(found.cacheSizeBytes).toBe(blocks * bsize);
    expect(found.cacheFreeBytes).toBeLessThanOrEqual(found.cacheSizeBytes);
    expect(found.cacheInodes).toBe(files);
    expect(found.cacheFreeInodes).toBeGreaterThan(0);
    expect(found.cacheFreeInodes).toBeLessThanOrEqual(files);
    expect(found.load1m).toBeGreaterThanOrEqual(0);
  });

  it("say which directory cannot be looked at", async () => {
    const gone = join(folder, "gone");
    await expect(linuxMachine({ buildkitBinary: "x" }).resources(gone)).rejects.toMatchObject({
      code: "machine.space-unknown",
      retryable: true,
      cause: { code: "ENOENT" },
    });
  });
});

describe("a call that cannot be cancelled", () => {
  const never = new Promise<never>(() => undefined);

  it("is not waited for beyond its deadline", async () => {
    await expect(withDeadline("the disk", 5, never)).rejects.toMatchObject({ code: "machine.deadline" });
  });

  it("is not waited for once its signal is aborted", async () => {
    const stop = new AbortController();
    const waiting = withDeadline("the disk", 60_000, never, stop.signal);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "machine.cancelled" });
    await expect(withDeadline("the disk", 60_000, never, stop.signal)).rejects.toMatchObject({
      code: "machine.cancelled",
    });
  });

  it("gives its own answer and its own failure", async () => {
    expect(await withDeadline("x", 60_000, Promise.resolve(7))).toBe(7);
    await expect(withDeadline("x", 60_000, Promise.reject(new Error("own")))).rejects.toThrow("own");
  });
});
