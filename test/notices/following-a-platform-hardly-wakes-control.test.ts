import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { Stage } from "../journeys/stage/stage.ts";
import { needsStage } from "../journeys/stage/whether.ts";
import { NoticeStage } from "./stage.ts";

needsStage();

/** A minute in `npm run test:notices`: the longest period of a line. */
const LOOKED_AT_MS = Number(process.env["BUILDER_AGENT_NOTICES"] || 1) > 1 ? 60_000 : 15_000;
const PLATFORMS = ["off", "aws", "gcp", "azure"] as const;
/** More than it is with nobody to ask; test/nspawn judges an idle machine by 5 in all. */
const MORE_A_SECOND_MAX = 4;

const rows: string[] = [];
afterAll(() => console.info(rows.join("\n")));

/** How often a second its main thread has waited for something, on a machine where nobody builds. */
async function wakeUps(platform: (typeof PLATFORMS)[number]): Promise<number> {
  await using clouds = await NoticeStage.open();
  const identity = platform === "off" ? {} : clouds.places;
  await using stage = await Stage.up({ config: { notices: { platform }, identity } });
  await stage.log.until(platform === "off" ? "notices.off" : "notices.heeding");
  // The tries of a start are over.
  await sleep(5_000);
  const pid = await stage.pid("control");
  const [before, fromMs] = [await switches(pid), performance.now()];
  await sleep(LOOKED_AT_MS);
  return ((await switches(pid)) - before) / ((performance.now() - fromMs) / 1_000);
}

async function switches(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1]);
}

it("control wakes up hardly more often for a platform's notices", { timeout: LOOKED_AT_MS + 120_000 }, async () => {
  const each = await Promise.all(PLATFORMS.map(wakeUps));
  rows.push(...PLATFORMS.map((name, index) => `${name}: ${each[index]?.toFixed(1)} a second`));
  const [off = Number.NaN, ...on] = each;
  expect(Math.max(...on.map((times) => times - off))).toBeLessThan(MORE_A_SECOND_MAX);
});
