import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { deviceSeen, errorsOfExt4 } from "../../agent/adapters/cache-filesystem/device-in-sysfs.ts";
import { mountHolding } from "../../agent/adapters/cache-filesystem/mount-table.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";

const TABLE = `22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
30 22 0:25 / /var/lib/builder\\040agent rw,nosuid shared:12 master:4 - tmpfs tmpfs rw,size=1k
63 22 254:0 /layers /cache ro,noatime shared:9 - ext4 /dev/mapper/builder-agent-cache rw,discard,emergency_ro
64 22 254:0 / /cache-of-others rw - ext4 /dev/mapper/other ro
`;

describe("the mount that holds a path is", () => {
  it.each([
    { path: "/cache", device: "254:0", mountPoint: "/cache", what: "the one at it" },
    { path: "/cache/buildkit", device: "254:0", mountPoint: "/cache", what: "the one above it" },
    { path: "/cache-of", device: "254:1", mountPoint: "/", what: "none that only begins alike" },
    { path: "/var/lib/builder agent", device: "0:25", mountPoint: "/var/lib/builder agent", what: "one with a blank" },
  ])("$what: $path", ({ path, device, mountPoint }) => {
    expect(mountHolding(TABLE, path)).toMatchObject({ device, mountPoint });
  });

  it("the one that lies on top, with the options of its file system, not those of a confined process's mount", () => {
    const table = `${TABLE}70 63 0:51 / /cache rw - tmpfs somebody rw\n`;
    expect(mountHolding(table, "/cache")).toMatchObject({ source: "somebody", filesystem: "tmpfs" });
    expect(mountHolding(TABLE, "/cache")?.options).toEqual(["rw", "discard", "emergency_ro"]);
    expect(mountHolding(TABLE, "/cache")?.root).toBe("/layers");
  });

  it("nothing where there is no table", () => {
    expect(mountHolding("", "/cache")).toBeUndefined();
  });
});

/** sysfs as the kernel lays it out, of a mapping on a disk. */
async function sysfs(): Promise<TempDir> {
  const dir = await TempDir.make("/tmp/sysfs-");
  const [mapping, disk] = [join(dir.path, "devices/dm-0"), join(dir.path, "devices/nvme1n1")];
  for (const one of ["dev/block", "devices/dm-0/dm", "devices/dm-0/slaves", "devices/nvme1n1/device", "fs/ext4/dm-0"])
    await mkdir(join(dir.path, one), { recursive: true });
  await symlink("../../devices/dm-0", join(dir.path, "dev/block/254:0"));
  await symlink("../../devices/nvme1n1", join(dir.path, "dev/block/259:1"));
  await symlink("../../nvme1n1", join(mapping, "slaves/nvme1n1"));
  await writeFile(join(mapping, "dm/name"), "builder-agent-cache\n");
  await writeFile(join(mapping, "dm/suspended"), "0\n");
  await writeFile(join(disk, "device/state"), "live\n");
  for (const [name, text] of [
    ["errors_count", "0"],
    ["last_error_errcode", "2"],
    ["last_error_func", "ext4_end_bio"],
  ] as const)
    await writeFile(join(dir.path, "fs/ext4/dm-0", name), `${text}\n`);
  return dir;
}

describe("of a mapping on a disk it is seen that", () => {
  it("all is there", async () => {
    await using sys = await sysfs();
    expect(deviceSeen("254:0", sys.path)).toEqual({ name: "dm-0", which: "builder-agent-cache", is: "there" });
    expect(errorsOfExt4("dm-0", sys.path)).toBeUndefined();
  });

  it("the disk was pulled", async () => {
    await using sys = await sysfs();
    await rm(join(sys.path, "devices/nvme1n1"), { recursive: true });
    expect(deviceSeen("254:0", sys.path)).toEqual({ name: "dm-0", which: "nvme1n1", is: "gone" });
  });

  it.each(["dead", "offline"])("the kernel calls the disk %s", async (state) => {
    await using sys = await sysfs();
    await writeFile(join(sys.path, "devices/nvme1n1/device/state"), `${state}\n`);
    expect(deviceSeen("254:0", sys.path)).toMatchObject({ which: "nvme1n1", is: "gone" });
    expect(deviceSeen("259:1", sys.path)).toMatchObject({ which: "nvme1n1", is: "gone" });
  });

  it("the mapping has nothing below it", async () => {
    await using sys = await sysfs();
    await rm(join(sys.path, "devices/dm-0/slaves/nvme1n1"), { recursive: true });
    expect(deviceSeen("254:0", sys.path)).toMatchObject({ which: "builder-agent-cache", is: "unmapped" });
  });

  it("the mapping is suspended", async () => {
    await using sys = await sysfs();
    await writeFile(join(sys.path, "devices/dm-0/dm/suspended"), "1\n");
    expect(deviceSeen("254:0", sys.path)).toMatchObject({ is: "suspended" });
  });

  it("the mapping itself is gone", async () => {
    await using sys = await sysfs();
    await rm(join(sys.path, "dev/block/254:0"), { recursive: true });
    expect(deviceSeen("254:0", sys.path)).toEqual({ name: "254:0", which: "254:0", is: "gone" });
  });

  it("ext4 has counted errors, with the last one's name", async () => {
    await using sys = await sysfs();
    await writeFile(join(sys.path, "fs/ext4/dm-0/errors_count"), "3\n");
    expect(errorsOfExt4("dm-0", sys.path)).toEqual({ count: 3, errno: "EIO", where: "ext4_end_bio" });
  });
});

it("a file system without a device of its own has none to be seen", () => {
  expect(deviceSeen("0:25")).toBeUndefined();
});
