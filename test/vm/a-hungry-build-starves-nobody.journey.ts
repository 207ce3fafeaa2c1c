import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { DiskShelf } from "./machine/data-disk.ts";
import { paced } from "./machine/pace.ts";
import { longestWaits } from "./stage/answers.ts";
import { perBoot } from "./stage/cache-wish.ts";
import { holdBuild } from "./stage/held-in-guest.ts";
import { recipe } from "./stage/recipes.ts";
import { VmStage } from "./stage/vm-stage.ts";

/**
 * The slice's share of a builder leaves enough for all else; of this small guest it would not, and
 * the limit under test would not be the first to be met.
 */
const BUILDS_MIB = 600;
/** Under emulation, on a busy machine. */
const SECONDS_MS = 10_000;
const EATING_DEADLINE_MS = paced(120_000);
const SERVICES = ["buildkitd", "builder-agent-control", "builder-agent-gateway"];

const EATS_AT_ONCE = `exec /bin/busybox dd if=/dev/zero of=/dev/null bs=${BUILDS_MIB + 100}M count=1`;
/** Each far smaller than BuildKit, together more than there is; and children without end. */
const FORKS_BURNS_AND_EATS = [
  `i=0; while [ $i -lt ${BUILDS_MIB / 10} ]; do i=$((i+1)); /bin/busybox dd if=/dev/zero of=/dev/null bs=15M & done`,
  "echo feeding $((6*7))",
  "while :; do /bin/busybox true; done",
].join("\n");

let shelf: DiskShelf;
let stage: VmStage;
beforeAll(async () => {
  shelf = await DiskShelf.make();
  stage = await VmStage.wake({ disks: [await shelf.blank()], cacheVolume: perBoot() });
  await stage.guest.run(`systemctl set-property --runtime builds.slice MemoryMax=${BUILDS_MIB}M`);
  await stage.ready();
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await shelf?.[Symbol.asyncDispose]();
});

it("kills the step that eats all memory, says why, and lets the build beside it finish", async () => {
  const before = await processes();
  const beside = await holdBuild(stage, await stage.openBuild());
  const eater = await (await stage.build(recipe(EATS_AT_ONCE))).client.ended;
  expect(eater.said).toMatch(/did not complete successfully: cannot allocate memory/);
  await beside.letGo();
  await beside.client.succeeds();
  expect(await processes()).toEqual(before);
  expect(await killed("agent")).toBe(0);
});

it("answers within seconds, and builds, while a build forks, burns and eats in small bites; and ends it when its client has gone", async () => {
  const [before, killedBefore] = [await processes(), await killed("builds")];
  const { client: eater } = await stage.build(recipe(FORKS_BURNS_AND_EATS));
  await eater.says("feeding 42", EATING_DEADLINE_MS);
  const over = new AbortController();
  const meanwhile = async (): Promise<void> => {
    const bitten = async (): Promise<boolean> => (await killed("builds")) > killedBefore;
    await eventually("a bite is one too many", bitten, EATING_DEADLINE_MS);
    await stage.ready();
    await (await stage.build(recipe(`echo ${randomBytes(8).toString("hex")} > /result`))).client.succeeds();
    expect(eater.isRunning).toBe(true);
  };
  const [{ health, handshake }] = await Promise.all([
    longestWaits(stage, over.signal),
    meanwhile().finally(() => over.abort()),
  ]);
  await eater[Symbol.asyncDispose]();
  const stepsGone = async (): Promise<boolean> =>
    (await stage.guest.run("pgrep --count busybox || true")).trim() === "0";
  await eventually("the hungry build's steps are gone", stepsGone, EATING_DEADLINE_MS);
  process.stderr.write(`the longest waits, of health: ${health} ms, of a handshake: ${Math.round(handshake)} ms\n`);
  expect(Math.max(health, handshake)).toBeLessThan(SECONDS_MS);
  expect(await processes()).toEqual(before);
  expect(await killed("agent")).toBe(0);
});

/** Who must not have changed. */
function processes(): Promise<string> {
  return stage.guest.run(`systemctl show --property=Id,MainPID,NRestarts ${SERVICES.join(" ")}`);
}

/** How many processes of a slice the kernel has killed for want of memory. */
async function killed(slice: "agent" | "builds"): Promise<number> {
  const events = await stage.guest.run(`cat /sys/fs/cgroup/${slice}.slice/memory.events`);
  return Number(/^oom_kill (\d+)$/m.exec(events)?.[1]);
}
