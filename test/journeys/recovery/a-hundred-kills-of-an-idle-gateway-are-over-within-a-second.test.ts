import { expect, it } from "vitest";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";
import type { Stage } from "../stage/stage.ts";
import { needsStage } from "../stage/whether.ts";
import { KILLS, KILLS_TIMEOUT_MS, killsOf } from "./stage/kills.ts";
import { record, times } from "./stage/record.ts";
import { untilServed } from "./stage/until-served.ts";

const BAR_MS = 1_000;

needsStage();

/** A build that lasts, without a session of its own. */
async function begin(stage: Stage): Promise<AsyncDisposable & { readonly build: OpenedBuildFiles }> {
  const build = await stage.openBuild();
  return { build, [Symbol.asyncDispose]: async () => void stage.plane.endBuild(build.buildId) };
}

async function untilServedAgain(stage: Stage, { build }: { readonly build: OpenedBuildFiles }): Promise<number> {
  await stage.kill("gateway");
  return await untilServed(build);
}

it(`has a session again after each kill of an idle gateway, and loses nobody's grant: ${KILLS} times`, {
  timeout: KILLS_TIMEOUT_MS,
}, async () => {
  const sinceMs = performance.now();
  const servedMs = await killsOf("gateway", begin, untilServedAgain);
  expect(servedMs).toHaveLength(KILLS);
  await record({
    section: "recovery-gateway",
    sinceMs,
    rows: [
      ["SIGKILLs of an idle gateway", String(KILLS)],
      ["until a build has a session again (bar: 1 s each)", times(servedMs)],
      ["later than the bar", String(servedMs.filter((ms) => ms > BAR_MS).length)],
    ],
  });
});
