import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBlock } from "../../agent/adapters/volume/block-device.ts";
import { readExt4 } from "../../agent/adapters/volume/ext4.ts";
import { readSignatures } from "../../agent/adapters/volume/signatures.ts";
import { devicesOf } from "../../agent/adapters/volume/udev.ts";
import { acceptedUid } from "../../agent/core/accepted-peer.ts";
import { type DeviceReference, parseDeviceReference } from "../../agent/core/volume/device-reference.ts";
import { samplePlaces } from "../../agent/core/volume/samples.ts";
import { HEADER_BYTES, LEAST_DEVICE_BYTES } from "../../agent/core/volume/sizes.ts";

const NOTHING = { code: 2, stdout: "" };

describe("lsblk", () => {
  const disk = {
    name: "vdb",
    path: "/dev/vdb",
    type: "disk",
    size: 10_737_418_240,
    ro: false,
    mountpoints: [null],
    serial: null,
    wwn: null,
    partuuid: null,
  };
  const answer = (over: object): string => JSON.stringify({ blockdevices: [{ ...disk, ...over }] });
  const free = { mountPoints: [], swap: false, partitions: [], holders: [] };

  it.each([
    {
      of: "a free disk",
      over: {},
      gives: { path: "/dev/vdb", type: "disk", sizeBytes: 10_737_418_240, readOnly: false, use: free },
    },
    { of: "a serial", over: { serial: "vol-1 " }, gives: { identity: "vol-1" } },
    {
      of: "a world wide name before a serial",
      over: { serial: "vol-1", wwn: "0x5000" },
      gives: { identity: "0x5000" },
    },
    {
      of: "a partition of a disk",
      over: { wwn: "0x5000", partuuid: "p-1", type: "part" },
      gives: { identity: "0x5000/p-1" },
    },
    { of: "an empty serial", over: { serial: "" }, gives: {} },
    { of: "a mount", over: { mountpoints: [null, "/srv"] }, gives: { use: { ...free, mountPoints: ["/srv"] } } },
    { of: "swap", over: { mountpoints: ["[SWAP]"] }, gives: { use: { ...free, swap: true } } },
    {
      of: "a mounted partition",
      over: { children: [{ ...disk, path: "/dev/vdb1", type: "part", mountpoints: ["/"] }] },
      gives: { use: { ...free, mountPoints: ["/"], partitions: ["/dev/vdb1"] } },
    },
    {
      of: "swap inside LVM inside RAID",
      over: {
        children: [
          {
            ...disk,
            path: "/dev/md0",
            type: "raid1",
            children: [{ ...disk, path: "/dev/dm-0", type: "lvm", mountpoints: ["[SWAP]"] }],
          },
        ],
      },
      gives: { use: { ...free, swap: true, holders: ["/dev/md0"] } },
    },
    { of: "a write-protected disk", over: { ro: true }, gives: { readOnly: true } },
  ])("$of", ({ over, gives }) => {
    expect(readBlock(answer(over))).toMatchObject(gives);
  });

  it.each(["", "{}", '{"blockdevices":[]}', "no json"])("%j is no answer", (json) => {
    expect(() => readBlock(json)).toThrow(expect.objectContaining({ code: "cache.tool-answer" }));
  });
});

describe("wipefs and blkid", () => {
  const listed = (...signatures: readonly object[]): string => JSON.stringify({ signatures });
  it.each([
    { of: "nothing", list: listed(), probe: NOTHING, gives: [] },
    { of: "no answer at all", list: "", probe: NOTHING, gives: [] },
    {
      of: "both headers of LUKS2",
      list: listed(
        { offset: "0x4000", type: "crypto_LUKS", usage: "crypto" },
        { offset: "0x0", type: "crypto_LUKS", usage: "crypto" },
      ),
      probe: { code: 0, stdout: "TYPE=crypto_LUKS\nVERSION=2\n" },
      gives: [
        { type: "crypto_LUKS", offset: 0, isPartitionTable: false },
        { type: "crypto_LUKS", offset: 16_384, isPartitionTable: false },
      ],
    },
    {
      of: "a partition table",
      list: listed({ offset: "0x1fe", type: "dos", usage: "partition-table" }),
      probe: { code: 0, stdout: "PTTYPE=dos\n" },
      gives: [{ type: "dos", offset: 510, isPartitionTable: true }],
    },
    {
      of: "what only blkid knows",
      list: listed(),
      probe: { code: 0, stdout: "TYPE=bcache\n" },
      gives: [{ type: "bcache", offset: 0, isPartitionTable: false }],
    },
    {
      of: "a table that only blkid knows",
      list: listed(),
      probe: { code: 0, stdout: "PTTYPE=gpt\n" },
      gives: [{ type: "gpt", offset: 0, isPartitionTable: true }],
    },
    {
      of: "what blkid cannot decide",
      list: listed(),
      probe: { code: 8, stdout: "" },
      gives: [{ type: "several things at once", offset: 0, isPartitionTable: false }],
    },
  ])("$of", ({ list, probe, gives }) => {
    expect(readSignatures(list, probe)).toEqual(gives);
  });
});

describe("udev", () => {
  const database = [
    "P: /devices/pci/vda\nN: vda\nS: disk/by-id/virtio-root\nE: SUBSYSTEM=block\nE: ID_SERIAL=root",
    "P: /devices/pci/vda/vda1\nN: vda1\nS: disk/by-id/virtio-root-part1\nE: SUBSYSTEM=block\nE: ID_SERIAL=root",
    "P: /devices/pci/nvme0n1\nN: nvme0n1\nE: SUBSYSTEM=block\nE: ID_MODEL=Amazon EC2 NVMe Instance Storage",
    "P: /devices/pci/nvme1n1\nN: nvme1n1\nE: SUBSYSTEM=block\nE: ID_MODEL=Amazon EC2 NVMe Instance Storage",
    "P: /devices/net/eth0\nE: SUBSYSTEM=net\nE: ID_SERIAL=card",
  ].join("\n\n");
  it.each([
    { name: "/dev/disk/by-id/virtio-root", gives: ["/dev/vda"] },
    { name: "/dev/disk/by-id/virtio-root-part1", gives: ["/dev/vda1"] },
    { name: "/dev/disk/by-id/virtio", gives: [] },
    { name: "udev:ID_SERIAL=root", gives: ["/dev/vda"] },
    { name: "udev:ID_SERIAL=roo", gives: [] },
    { name: "udev:ID_MODEL=Amazon EC2 NVMe Instance Storage", gives: ["/dev/nvme0n1", "/dev/nvme1n1"] },
    { name: "udev:ID_SERIAL=card", gives: [] },
  ])("$name is $gives", ({ name, gives }) => {
    const reference: DeviceReference | undefined = parseDeviceReference(name);
    expect(reference && devicesOf(reference, database)).toEqual(gives);
  });
});

describe("a device's name", () => {
  it.each([
    "/dev/vdb",
    "vdb",
    "",
    "/dev/disk/by-id/",
    "/dev/disk/by-id/..",
    "/dev/disk/by-id/a/b",
    "/dev/disk/by-id/a b",
    "/dev/disk/by-uuid/1",
    "/dev/disk/by-id/a\n",
    "udev:",
    "udev:ID_SERIAL",
    "udev:ID_SERIAL=",
    "udev:id=1",
    "udev:ID=a\nE: B=c",
    "file:relative",
  ])("%j is none", (text) => {
    expect(parseDeviceReference(text)).toBeUndefined();
  });

  it("of any text that is taken leads to no other directory and no other line", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `/dev/disk/by-id/${text}`),
          fc.string().map((text) => `udev:A=${text}`),
        ),
        (text) => {
          const reference = parseDeviceReference(text);
          if (reference?.by === "id") return !/[/\s]/.test(reference.id) && ![".", ".."].includes(reference.id);
          return reference?.by !== "udev" || !reference.value.includes("\n");
        },
      ),
      { numRuns: 5_000 },
    );
  });
});

describe("samples", () => {
  it("lie on the device, do not overlap, begin with the header and end with the end", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 46 }), (deviceBytes) => {
        const places = samplePlaces(deviceBytes);
        const ordered = places.every(
          ({ offset, length }, index) => length > 0 && offset >= (index === 0 ? 0 : end(places[index - 1])),
        );
        return ordered && places[0]?.offset === 0 && end(places.at(-1)) === deviceBytes;
      }),
    );
  });

  it("are 66 on every device that a cache may have, 96 MiB in all", () => {
    fc.assert(
      fc.property(fc.integer({ min: LEAST_DEVICE_BYTES, max: 2 ** 46 }), (deviceBytes) => {
        const places = samplePlaces(deviceBytes);
        const total = places.reduce((sum, { length }) => sum + length, 0);
        return places.length === 66 && total === 96 * 1024 * 1024 && places[0]?.length === HEADER_BYTES;
      }),
    );
  });

  function end(place: { readonly offset: number; readonly length: number } | undefined): number {
    return place === undefined ? 0 : place.offset + place.length;
  }
});

describe("dumpe2fs", () => {
  const words = (state: string, features: string): string =>
    `Filesystem features:      ${features}\nFilesystem state:         ${state}\nBlock count:              262144\nBlock size:               4096\nJournal features:         (none)\n`;
  it.each([
    {
      of: "a clean file system",
      text: words("clean", "has_journal extent"),
      gives: { inOrder: true, hasJournal: true, sizeBytes: 1_073_741_824 },
    },
    { of: "a journal to replay", text: words("clean", "has_journal needs_recovery extent"), gives: { inOrder: false } },
    { of: "errors", text: words("clean with errors", "has_journal"), gives: { inOrder: false } },
    { of: "no clean end", text: words("not clean", "has_journal"), gives: { inOrder: false } },
    { of: "no journal", text: words("clean", "extent"), gives: { inOrder: true, hasJournal: false } },
  ])("$of", ({ text, gives }) => {
    expect(readExt4(text)).toMatchObject(gives);
  });

  it("without a superblock there is nothing to know", () => {
    expect(readExt4("dumpe2fs: Bad magic number in super-block")).toBeUndefined();
  });
});

describe("who asks", () => {
  it.each([
    { instance: "0-1234-0", uid: 0 },
    { instance: "17-1234-998", uid: 998 },
    { instance: "17-1234_5678-998", uid: 998 },
  ])("$instance is $uid", ({ instance, uid }) => {
    expect(acceptedUid(instance)).toBe(uid);
  });

  it.each([
    "",
    "17-unknown",
    "17-1234",
    "17-1234-",
    "17-1234-root",
    "17-1234-0x0",
    "17-1234-998-0",
    "-1234-0",
    "17-1234--1",
    "17-1234-0\n",
  ])("%j tells nobody", (instance) => {
    expect(acceptedUid(instance)).toBeUndefined();
  });
});
