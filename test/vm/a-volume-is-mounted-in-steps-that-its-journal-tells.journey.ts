import { randomBytes } from "node:crypto";
import { afterAll, expect, it } from "vitest";
import type { CacheVolume } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { asMeasured, writeSection } from "../../bench/report/page.ts";
import { aligned } from "../../bench/report/table.ts";
import { type DataDisk, DiskShelf } from "./machine/data-disk.ts";
import { kept, perBoot } from "./stage/cache-wish.ts";
import { type OpenedInSteps, openedInSteps } from "./stage/opened-in-steps.ts";
import { VmStage } from "./stage/vm-stage.ts";

const COMMAND = "BUILDER_AGENT_WRITE_FIGURES=1 npm run test:vm -- mounted-in-steps";
/** What a volume is written with goes to a sparse file. */
const SIZE_BYTES = 1_000 * 1e9;
const FILESYSTEMS = ["ext4", "xfs"] as const;
/** Per boot, kept, and kept again. */
const KINDS = 3;

const begunMs = performance.now();
const opened: { readonly what: string; readonly took: OpenedInSteps }[] = [];

afterAll(async () => {
  const figures = table();
  console.info(figures);
  const isWhole = opened.length === FILESYSTEMS.length * KINDS;
  if (!isWhole || process.env["BUILDER_AGENT_WRITE_FIGURES"] !== "1") return;
  const seconds = (performance.now() - begunMs) / 1_000;
  const section = { page: "docs/reliability.md", name: "volume-in-a-guest" };
  await writeSection(section, asMeasured({ command: COMMAND, seconds, figures }));
});

it.each(FILESYSTEMS)(
  "%s of 1 TB, new: per boot, and kept, and the kept one again is not made anew",
  async (filesystem) => {
    await using shelf = await DiskShelf.make();
    const disk = async (serial: string): Promise<DataDisk> => shelf.blank({ serial, sizeBytes: SIZE_BYTES });
    const [boots, keeps] = [await disk("boots"), await disk("keeps")];
    const wish = (on: DataDisk, wished: CacheVolume): CacheVolume => ({ ...wished, device: on.device, filesystem });
    const key = randomBytes(64);

    const perBootSteps = await openOn(`${filesystem}, per boot, new`, boots, wish(boots, perBoot()));
    expect(perBootSteps).toEqual(expect.arrayContaining(["luks-format", "open", "make-filesystem", "mount"]));
    const keptSteps = await openOn(`${filesystem}, kept, new`, keeps, wish(keeps, kept(key)));
    expect(keptSteps).toEqual(expect.arrayContaining(["luks-format", "open", "make-filesystem", "mount"]));
    const again = await openOn(`${filesystem}, kept, again`, keeps, wish(keeps, kept(key)));
    expect(again).toEqual(expect.arrayContaining(["inspect", "open", "mount"]));
    expect(again).not.toContain("make-filesystem");
  },
);

/** On a machine that runs and has waited for it. The names of what was done. */
async function openOn(what: string, disk: DataDisk, cacheVolume: CacheVolume): Promise<readonly string[]> {
  await using stage = await VmStage.wake({ disks: [disk], cacheVolume });
  await stage.until("the volume to be open", () => stage.machine.observed?.cacheVolume?.encrypted);
  const took = await openedInSteps(stage.guest);
  opened.push({ what, took });
  await stage.guest.powerOff();
  return took.steps.map(({ name }) => name);
}

function table(): string {
  const names = [...new Set(opened.flatMap(({ took }) => took.steps.map(({ name }) => name)))];
  const share = ({ steps, totalMs }: OpenedInSteps, name: string): string => {
    const tookMs = steps.filter((step) => step.name === name).reduce((sum, step) => sum + step.tookMs, 0);
    return tookMs === 0 ? "" : `${tookMs.toFixed(0)} (${((tookMs / totalMs) * 100).toFixed(0)} %)`;
  };
  return aligned([
    ["a volume of 1 TB, by the guest's clock, ms (share)", ...opened.map(({ what }) => what)],
    ...names.map((name) => [name, ...opened.map(({ took }) => share(took, name))]),
    ["from the wish until it is mounted", ...opened.map(({ took }) => took.totalMs.toFixed(0))],
  ]);
}
