import { expect, it } from "vitest";
import { SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { DiskShelf } from "./machine/data-disk.ts";
import { keySlotsOf } from "./machine/luks-from-outside.ts";
import { paced } from "./machine/pace.ts";
import { perBoot } from "./stage/cache-wish.ts";
import { holdBuild } from "./stage/held-in-guest.ts";
import { followGoogle, preempt } from "./stage/metadata-in-guest.ts";
import { VmStage } from "./stage/vm-stage.ts";

const ROUNDS = Number(process.env["BUILDER_AGENT_VM_NOTICES"] || 1);
/** Google's, which is the shortest. */
const NOTICE_MS = 30_000;
const ROUND_LIMIT_MS = 600_000;

it(`in the middle of a build that does not end, ${ROUNDS} times: its ending is told, the volume closed and its key slots erased within the notice`, {
  timeout: paced(300_000 + ROUNDS * ROUND_LIMIT_MS),
}, async ({ annotate }) => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const { toldMs, closedMs } = await noticed();
    await annotate(`told ${toldMs} ms, closed ${closedMs} ms after the notice`);
    expect(Math.max(toldMs, closedMs)).toBeLessThan(paced(NOTICE_MS));
  }
});

/** Times since the platform spoke, by this machine's clock: the way in and out is in them. */
async function noticed(): Promise<{ readonly toldMs: number; readonly closedMs: number }> {
  await using shelf = await DiskShelf.make();
  const disk = await shelf.blank();
  await using stage = await VmStage.wake({ disks: [disk], cacheVolume: perBoot() });
  const { guest, plane } = stage;
  await stage.ready();
  await followGoogle(guest);
  await stage.ready();
  const ticket = await stage.openBuild();
  const held = await holdBuild(stage, ticket);
  expect(keySlotsOf(disk.file)).toBe(1);

  const saidMs = Date.now();
  await preempt(guest);
  const closed = guest
    .run("while test -e /dev/mapper/builder-agent-cache; do sleep 0.2; done")
    .then(() => Date.now() - saidMs);
  const isCut = (): boolean =>
    plane
      .records()
      .some(({ buildId, ending }) => buildId === ticket.buildId && ending === SessionEnding.DRAIN_DEADLINE);
  await stage.until("the build's ending to be told", isCut);
  const toldMs = Date.now() - saidMs;
  const closedMs = await closed;
  expect((await held.client.ended).exitCode).not.toBe(0);
  await guest.run("while systemctl is-active --quiet builder-agent-volume.service; do sleep 0.5; done");
  expect(keySlotsOf(disk.file)).toBe(0);
  return { toldMs, closedMs };
}
