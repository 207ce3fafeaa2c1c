import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { CacheVolume } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { partitionTable, writeAt } from "../volume/disk-image.ts";
import { editHeader } from "../volume/edited-header.ts";
import { type DataDisk, DiskShelf } from "./machine/data-disk.ts";
import { putVolume } from "./machine/labelled-volume.ts";
import { kept, perBoot } from "./stage/cache-wish.ts";
import { recipe } from "./stage/recipes.ts";
import { VmStage } from "./stage/vm-stage.ts";
import { REF } from "./stage/work-place.ts";

const OWNER = { orgId: REF.org, projectId: REF.project, architecture: "amd64" };
const SIZE_BYTES = 600 * 1024 ** 2;
const key = randomBytes(64);
const on = (serial: string): Partial<CacheVolume> => ({ device: `/dev/disk/by-id/virtio-${serial}` });

let shelf: DiskShelf;
let stage: VmStage;
const disks = new Map<string, DataDisk>();
let before: ReadonlyMap<string, string>;
beforeAll(async () => {
  shelf = await DiskShelf.make();
  for (const serial of ["good", "parts", "stray", "theirs", "forged", "bare"])
    disks.set(serial, await shelf.blank({ serial, sizeBytes: SIZE_BYTES }));
  disks.set("locked", await shelf.blank({ serial: "locked", sizeBytes: SIZE_BYTES, readOnly: true }));
  const volume = { owner: OWNER, volumeId: "vol-1", key };
  await partitionTable(fileOf("parts"));
  await writeAt(fileOf("stray"), 5 * 1024 ** 2, Buffer.from("Somebody's only copy"));
  putVolume(fileOf("theirs"), { ...volume, owner: { ...OWNER, projectId: "other" } });
  putVolume(fileOf("forged"), { ...volume, labelKey: randomBytes(64) });
  putVolume(fileOf("bare"), volume);
  await editHeader(fileOf("bare"), ({ segments }) => {
    segments["0"] = { type: "linear", offset: "16777216", size: "dynamic" };
  });
  before = await digests();
  stage = await VmStage.wake({ disks: [...disks.values()] });
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await shelf?.[Symbol.asyncDispose]();
});

it.each([
  {
    what: "another project's volume",
    wish: kept(key, on("theirs")),
    because: /is the cache of another project \(other, not app\)/,
  },
  {
    what: "a label that does not verify",
    wish: kept(key, on("forged")),
    because: /label of .* was not made with its key/,
  },
  {
    what: "a volume whose header says that it is not encrypted",
    wish: kept(key, on("bare")),
    because: /header of .* says segments\/0\/type "linear", not "crypt"/,
  },
  {
    what: "a disk with a partition table",
    wish: perBoot(on("parts")),
    because: /has (partitions|a partition table) \(/,
  },
  { what: "data that nobody knows", wish: perBoot(on("stray")), because: /holds data that nobody recognises/ },
  { what: "a read-only device", wish: perBoot(on("locked")), because: /is read-only/ },
  { what: "the machine's own disk", wish: perBoot(on("root")), because: /has partitions|is mounted/ },
  { what: "no device", wish: perBoot(on("absent")), because: /No device is \/dev\/disk\/by-id\/virtio-absent/ },
  {
    what: "several devices of one udev property",
    wish: perBoot({ device: "udev:DEVTYPE=disk" }),
    because: /devices are udev:DEVTYPE=disk/,
  },
  { what: "a device by a guessed name", wish: perBoot({ device: "/dev/vdb" }), because: /does not name a device/ },
  {
    what: "a key that is too short",
    wish: kept(key.subarray(0, 16), on("good")),
    because: /key has 16 bytes, and must have 64/,
  },
  {
    what: "an unknown file system",
    wish: perBoot({ ...on("good"), filesystem: "btrfs" }),
    because: /file system "btrfs"/,
  },
])("refuses $what, says so in one sentence, and leaves every disk as it is", async ({ wish, because }) => {
  stage.plane.wish(REF, { cacheVolume: wish });
  const told = await stage.says("cache-volume", because);
  expect(told).toMatchObject({ ok: false, blocking: true });
  expect(told.message.split("\n")).toHaveLength(1);
  expect(await digests()).toEqual(before);
});

it("then takes the one that is blank, found by what udev knows of it, and builds", async () => {
  stage.plane.wish(REF, { cacheVolume: perBoot({ device: "udev:ID_SERIAL=good", filesystem: "xfs" }) });
  const machine = await stage.ready();
  expect(machine.observed?.cacheVolume).toMatchObject({ encrypted: true, formatted: true, filesystem: "xfs" });
  expect(await stage.guest.run("dmsetup table builder-agent-cache")).toMatch(
    / crypt aes-xts-plain64 \S+ 0 \d+:\d+ 32768 .*allow_discards .*no_read_workqueue no_write_workqueue/,
  );
  await (await stage.build(recipe("echo built > /result"))).client.succeeds();
});

function fileOf(serial: string): string {
  return disks.get(serial)?.file ?? "";
}

async function digests(): Promise<ReadonlyMap<string, string>> {
  const all = [...disks].map(async ([serial, disk]) => [serial, await disk.digest()] as const);
  return new Map(await Promise.all(all));
}
