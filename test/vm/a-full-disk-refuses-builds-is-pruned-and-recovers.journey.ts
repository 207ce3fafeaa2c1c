import { afterAll, beforeAll, expect, it } from "vitest";
import { DiskShelf } from "./machine/data-disk.ts";
import { perBoot } from "./stage/cache-wish.ts";
import { recipe } from "./stage/recipes.ts";
import { VmStage } from "./stage/vm-stage.ts";

const MIB = 1024 ** 2;
const LAYER_MIB = 250;
const BALLAST = "/var/lib/builder-agent/cache/ballast";

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

it("refuses builds when space runs out, prunes the cache, and lets builds in again", async () => {
  const layer = recipe(`/bin/busybox fallocate -l $((${LAYER_MIB}*1048576)) /layer; echo done > /result`);
  await (await stage.build(layer)).client.succeeds();
  const full = stage.says("disk", /builds are refused/);
  await leaveFree(150);
  expect(await full).toMatchObject({ ok: false, blocking: true });
  const machine = await stage.ready();
  expect(Number(machine.observed?.resources?.cacheFreeBytes)).toBeGreaterThan(LAYER_MIB * MIB);
  await (await stage.build(recipe("echo again > /result"))).client.succeeds();
});

it("refuses with the reason while pruning does not help, and recovers as soon as there is space", async () => {
  const ticket = await stage.openBuild();
  const full = stage.says("disk", /builds are refused/);
  await leaveFree(100);
  await full;
  await expect(stage.openBuild()).rejects.toThrow(/not ready for builds: disk: .* builds are refused/);
  expect((await (await stage.build(recipe("echo refused > /result"), ticket)).client.ended).exitCode).not.toBe(0);
  const log = await stage.guest.run(
    "journalctl --boot --no-pager --output=cat --unit=builder-agent-gateway | grep session.refused | tail -1",
  );
  expect(log).toMatch(/disk/);
  await stage.guest.run(`rm ${BALLAST}`);
  await stage.ready();
  await (await stage.build(recipe("echo recovered > /result"))).client.succeeds();
});

async function leaveFree(mib: number): Promise<void> {
  const free = `$(df --block-size=1 --output=avail ${BALLAST}.dir | tail -1)`;
  await stage.guest.run(
    `mkdir -p ${BALLAST}.dir; rm -f ${BALLAST}; sync; fallocate --length $((${free} - ${mib * MIB})) ${BALLAST}`,
  );
}
