import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Phase } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { readAt } from "../volume/disk-image.ts";
import { DiskShelf } from "./machine/data-disk.ts";
import { keySlotsOf, opensWith } from "./machine/luks-from-outside.ts";
import { foundIn } from "./machine/search-file.ts";
import { perBoot } from "./stage/cache-wish.ts";
import { holdBuild } from "./stage/held-in-guest.ts";
import { leaving } from "./stage/recipes.ts";
import { VmStage } from "./stage/vm-stage.ts";

const HEADER_BYTES = 16 * 1024 ** 2;
const VOLUME_KEY_BYTES = 64;
const marker = randomBytes(24).toString("hex");
const onTheRootDisk = randomBytes(24).toString("hex");

it("finishes the open build, then closes and erases: neither key nor marker is on any disk, and a saved header does not open", async () => {
  await using shelf = await DiskShelf.make();
  const disk = await shelf.blank();
  await using stage = await VmStage.wake({ disks: [disk], cacheVolume: perBoot() });
  const { guest } = stage;
  await stage.ready();
  await (await stage.build(leaving(marker))).client.succeeds();
  await guest.run(`echo ${onTheRootDisk} > /var/lib/control-of-the-search`);

  const saved = join(shelf.dir, "saved-header");
  await writeFile(saved, await readAt(disk.file, 0, HEADER_BYTES));
  expect(keySlotsOf(saved)).toBe(1);

  const held = await holdBuild(stage, await stage.openBuild());
  await guest.run("systemctl stop --no-block builder-agent.target");
  await stage.until("the drain to be told", () => stage.machine.observed?.phase === Phase.DRAINING);
  await expect(stage.build(leaving("refused"))).rejects.toThrow("This machine is draining");
  await held.letGo();
  await held.client.succeeds();
  const ended = "while ! systemctl is-active builder-agent-volume.service | grep -qx inactive; do sleep 1; done";
  await guest.run(`${ended}; test ! -e /dev/mapper/builder-agent-cache`);
  expect(await guest.run("systemctl list-units --failed --plain --no-legend")).toBe("");

  expect(keySlotsOf(disk.file)).toBe(0);
  const written = await guest.run(CHANGED_FILES);
  const candidates = keysIn(written.split("\n").map((line) => Buffer.from(line, "base64")));
  expect(candidates.length).toBeGreaterThan(10);
  await guest.powerOff();

  expect(candidates.filter((key) => opensWith(saved, key))).toEqual([]);
  const needles = new Map([
    ["marker", Buffer.from(marker)],
    ["control", Buffer.from(onTheRootDisk)],
  ]);
  expect(await foundIn(disk.file, needles)).toEqual([]);
  expect(await foundIn(guest.parts.rootDisk, needles)).toEqual(["control"]);
});

/** Whatever was written on the root disk since the image was made, each file as a line. */
const CHANGED_FILES =
  "find /etc /var /root /home -xdev -type f -newer /usr/share/builder-agent/image.json -size -256k -exec base64 --wrap=0 {} \\; -exec echo \\;";

/** Each file whole, as text without its end, and its first bytes. */
function keysIn(files: readonly Buffer[]): readonly Buffer[] {
  const all = files.flatMap((file) => [
    file,
    Buffer.from(file.toString("latin1").trim(), "latin1"),
    file.subarray(0, VOLUME_KEY_BYTES),
    file.subarray(0, 32),
  ]);
  return [...new Map(all.filter(({ length }) => length > 0).map((key) => [key.toString("base64"), key])).values()];
}
