import { chmod, mkdir, mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inventory } from "../../agent/adapters/machine/inventory.ts";
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

describe("the inventory", () => {
  it("names the disks, the platform and the system, as files tell of them", async () => {
    const osRelease = join(folder, "os-release");
    await mkdir(join(folder, "class/dmi/id"), { recursive: true });
    const write = async (path: string, text: string): Promise<void> => {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    };
    await write(
      "os-release",
      'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n',
    );
    await write("class/dmi/id/sys_vendor", "Amazon EC2\n");
    await write("class/dmi/id/product_name", "m7i.large\n");
    await write("block/nvme1n1/size", "1953125\n");
    await write("block/nvme1n1/device/model", "Amazon EC2 NVMe Instance Storage        \n");
    await write("block/nvme1n1/device/serial", "AWS1 \n");
    await write("block/vda/size", "4096\n");
    await write("block/vda/serial", "cache\n");
    await mkdir(join(folder, "block/vda/device"));
    // No disks: a mapping, an optical drive, a drive without a medium.
    await write("block/dm-0/size", "4096\n");
    await write("block/sr0/size", "4096\n");
    await mkdir(join(folder, "block/sr0/device"));
    await write("block/sdb/size", "0\n");
    await mkdir(join(folder, "block/sdb/device"));
    expect(await inventory({ sysDir: folder, osRelease })).toEqual({
      os: "Debian GNU/Linux 12",
      platform: "Amazon EC2 m7i.large",
      blockDevices: [
        {
          path: "/dev/nvme1n1",
          sizeBytes: 1_000_000_000,
          model: "Amazon EC2 NVMe Instance Storage",
          serial: "AWS1",
        },
        { path: "/dev/vda", sizeBytes: 2_097_152, model: "", serial: "cache" },
      ],
    });
  });

  it("is empty where nothing is told", async () => {
    const nowhere = { sysDir: join(folder, "none"), osRelease: join(folder, "none") };
    expect(await inventory(nowhere)).toEqual({ os: "", platform: "", blockDevices: [] });
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

  it("gives its own answer and its own failure", async () => {
    expect(await withDeadline("x", 60_000, Promise.resolve(7))).toBe(7);
    await expect(withDeadline("x", 60_000, Promise.reject(new Error("own")))).rejects.toThrow("own");
  });
});
