import { afterAll, beforeAll, expect, it } from "vitest";
import { DiskShelf } from "./machine/data-disk.ts";
import { perBoot } from "./stage/cache-wish.ts";
import { recipe } from "./stage/recipes.ts";
import { VmStage } from "./stage/vm-stage.ts";

const MAPPING = "builder-agent-cache";

let shelf: DiskShelf;
let stage: VmStage;
beforeAll(async () => {
  shelf = await DiskShelf.make();
  stage = await VmStage.wake({ disks: [await shelf.blank()], cacheVolume: perBoot() });
  await stage.ready();
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await shelf?.[Symbol.asyncDispose]();
});

it("names a mapping that is suspended, refuses builds by it, and lets them in when it goes on", async () => {
  const told = stage.says("cache-filesystem", /^The mapping builder-agent-cache is suspended/);
  await stage.guest.run(`dmsetup suspend ${MAPPING}`);
  expect(await told).toMatchObject({ ok: false, blocking: true });
  await stage.guest.run(`dmsetup resume ${MAPPING}`);
  await stage.ready();
  await (await stage.build(recipe("echo resumed > /result"))).client.succeeds();
});

it("names the disk that was pulled, by its name", async () => {
  const device = (
    await stage.guest.run(`ls /sys/class/block/$(basename $(readlink /dev/mapper/${MAPPING}))/slaves`)
  ).trim();
  const told = stage.says("cache-filesystem", new RegExp(`^Its device ${device} is gone`));
  await stage.guest.run(`echo 1 > /sys/class/block/${device}/device/../remove`);
  expect(await told).toMatchObject({ ok: false, blocking: true });
});
