import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import type { PlatformName } from "../../agent/core/notices/notice.ts";
import { asMeasured, writeSection } from "../../bench/report/page.ts";
import { aligned } from "../../bench/report/table.ts";
import { Stage } from "../journeys/stage/stage.ts";
import { needsStage } from "../journeys/stage/whether.ts";
import { NoticeStage } from "./stage.ts";

needsStage();

/** `npm run test:notices`: each platform, for a minute, the longest period of a line. */
const IS_LONG = Number(process.env["BUILDER_AGENT_NOTICES"] || 1) > 1;
const LOOKED_AT_MS = IS_LONG ? 60_000 : 10_000;
const PLATFORMS: readonly ("off" | PlatformName)[] = IS_LONG ? ["off", "aws", "gcp", "azure"] : ["off", "azure"];
/** With nobody to ask it is 3; test/nspawn judges an idle machine by 5 in all. */
const MORE_A_SECOND_MAX = 2;
const COMMAND = "BUILDER_AGENT_WRITE_FIGURES=1 npm run test:notices";

const begunMs = performance.now();
const rows: (readonly string[])[] = [["notices.platform", "control wakes up, times a second"]];
afterAll(async () => {
  if (process.env["BUILDER_AGENT_WRITE_FIGURES"] !== "1") return;
  const seconds = (performance.now() - begunMs) / 1_000;
  const section = { page: "docs/reliability.md", name: "notices-idle" };
  await writeSection(section, asMeasured({ command: COMMAND, seconds, figures: aligned(rows) }));
});

/** How often a second its main thread has waited, on a machine where nobody builds. */
async function wakeUps(platform: "off" | PlatformName): Promise<number> {
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
  rows.push(...PLATFORMS.map((name, index) => [name, each[index]?.toFixed(1) ?? ""]));
  const [off = Number.NaN, ...on] = each;
  expect(Math.max(...on.map((times) => times - off))).toBeLessThan(MORE_A_SECOND_MAX);
});
