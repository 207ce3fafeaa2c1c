import { randomBytes, randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type DataDisk, DiskShelf } from "../machine/data-disk.ts";
import { kept } from "./cache-wish.ts";
import { recipe } from "./recipes.ts";
import { VmStage } from "./vm-stage.ts";

const LATEST_CUT_MS = 8_000;
const STEPS = 12;

/**
 * Tests: the power of a machine is cut in the middle of a build, so many times, each time on the
 * disk that the last cut left.
 */
export function cutThePower({
  filesystem,
  cuts,
}: {
  readonly filesystem: "ext4" | "xfs";
  readonly cuts: number;
}): void {
  const cacheVolume = kept(randomBytes(64), { filesystem });
  const found: string[] = [];
  let shelf: DiskShelf;
  let disk: DataDisk;
  beforeAll(async () => {
    shelf = await DiskShelf.make();
    disk = await shelf.blank();
  });
  afterAll(() => shelf?.[Symbol.asyncDispose]());

  /** A machine that has that disk and nothing else of the last one, on which a build has passed. */
  const life = async (count: number): Promise<VmStage> => {
    const stage = await VmStage.wake({ disks: [disk], cacheVolume });
    const { observed } = await stage.ready();
    const { check = "", formatted, filesystem: present } = observed?.cacheVolume ?? {};
    expect({ formatted, present }).toEqual({ formatted: count === 1, present: filesystem });
    found.push([await sign(stage, check), observed?.buildkit?.quarantined].filter(Boolean).join(" and "));
    await (await stage.build(recipe(`echo ${count} > /result`))).client.succeeds();
    return stage;
  };

  it.each(Array.from({ length: cuts }, (_, at) => ({ cut: at + 1, afterMs: randomInt(LATEST_CUT_MS) })))(
    `${filesystem}, cut $cut: builds, and its power is cut $afterMs ms into a build`,
    async ({ cut, afterMs }) => {
      await using stage = await life(cut);
      const { client } = await stage.build(longBuild(cut));
      await client.says("[internal] load build definition");
      await sleep(afterMs);
      expect(client.isRunning).toBe(true);
      await stage.guest.cutPower();
      await client.ended;
    },
  );

  it("builds after the last one, too", async () => {
    await (await life(cuts + 1))[Symbol.asyncDispose]();
    // The first finds a blank disk; the others, what was cut.
    expect(found.slice(1)).not.toContain("not-needed");
    process.stderr.write(`after each cut: ${found.slice(1).join(", ")}\n`);
  });
}

/**
 * That it had been cut. What xfs lacks is replayed when it is mounted: nothing is left to check,
 * and only the kernel knows.
 */
async function sign({ guest }: VmStage, check: string): Promise<string> {
  if (check !== "not-needed") return check;
  const kernel = await guest.run("journalctl --dmesg --no-pager --output=cat");
  return /^XFS .*: Starting recovery/m.test(kernel) ? "replayed" : check;
}

/**
 * Many small steps, each of them a change of BuildKit's databases, then one that writes until it is
 * cut.
 */
function longBuild(count: number): readonly string[] {
  const steps = Array.from({ length: STEPS }, (_, at) => `COPY busybox /copy-${count}-${at}`);
  const script = `i=0; while :; do i=$((i+1)); echo $i > /file-$i; [ $((i % 64)) = 0 ] && sync; done; echo ${count} > /result`;
  return [...recipe(script).slice(0, 2), ...steps, ...recipe(script).slice(2)];
}
