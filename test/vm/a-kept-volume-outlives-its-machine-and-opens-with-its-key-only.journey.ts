import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type DataDisk, DiskShelf } from "./machine/data-disk.ts";
import { opensWith } from "./machine/luks-from-outside.ts";
import { formsOf, foundIn } from "./machine/search-file.ts";
import { kept } from "./stage/cache-wish.ts";
import { leaving, wasCached } from "./stage/recipes.ts";
import { VmStage } from "./stage/vm-stage.ts";
import { REF } from "./stage/work-place.ts";

const key = randomBytes(64);
const marker = randomBytes(24).toString("hex");
const onTheRootDisk = randomBytes(24).toString("hex");

let shelf: DiskShelf;
let disk: DataDisk;
beforeAll(async () => {
  shelf = await DiskShelf.make();
  disk = await shelf.blank();
});
afterAll(() => shelf?.[Symbol.asyncDispose]());

it("is made, and its key is nowhere but in memory", async () => {
  await using stage = await VmStage.wake({ disks: [disk], cacheVolume: kept(key) });
  const { guest } = stage;
  await stage.ready();
  const { client } = await stage.build(leaving(marker));
  await client.succeeds();
  await guest.run(`echo ${onTheRootDisk} > /var/lib/control-of-the-search`);

  expect(await guest.run("swapon --show --noheadings; cat /proc/sys/kernel/core_pattern")).toBe("|/bin/false");
  expect(
    await guest.run(
      "systemctl show --value --property=LimitCORE builder-agent-control builder-agent-gateway buildkitd",
    ),
  ).toMatch(/^0\s+0\s+0$/);
  const journal = await guest.run("journalctl --no-pager --output=export | base64 --wrap=0");
  const forms = formsOf("key", key);
  const inJournal = [...forms].filter(([, form]) => Buffer.from(journal, "base64").includes(form));
  expect(inJournal.map(([name]) => name)).toEqual([]);

  await guest.powerOff();
  const control = new Map([["control of the search", Buffer.from(onTheRootDisk)]]);
  expect(await foundIn(guest.parts.rootDisk, new Map([...forms, ["marker", Buffer.from(marker)], ...control]))).toEqual(
    [...control.keys()],
  );
  expect(await foundIn(disk.file, new Map([...forms, ["marker", Buffer.from(marker)]]))).toEqual([]);
  expect(opensWith(disk.file, key)).toBe(true);
  expect(opensWith(disk.file, randomBytes(64))).toBe(false);
});

it("is refused on another machine with another key, untouched, and opens there with its own, its cache in it", async () => {
  const before = await disk.digest();
  await using stage = await VmStage.wake({ disks: [disk], cacheVolume: kept(randomBytes(64)) });
  const told = await stage.says("cache-volume", /key that was given does not open/);
  expect(told).toMatchObject({ ok: false, blocking: true });
  expect(await disk.digest()).toBe(before);

  stage.plane.wish(REF, { cacheVolume: kept(key) });
  const machine = await stage.ready();
  expect(machine.observed?.cacheVolume).toMatchObject({ encrypted: true, formatted: false, check: "not-needed" });
  const { client } = await stage.build(leaving(marker));
  const { said } = await client.succeeds();
  expect(wasCached(said)).toBe(true);
});
