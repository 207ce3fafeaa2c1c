import { expect, it } from "vitest";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";
import type { Stage } from "../stage/stage.ts";
import { needsStage } from "../stage/whether.ts";
import { KILLS, KILLS_TIMEOUT_MS, killsOf } from "./stage/kills.ts";
import { record, times } from "./stage/record.ts";
import { untilServed } from "./stage/until-served.ts";

const BAR_MS = 1_000;

needsStage();

it(`has a session again after each kill of an idle gateway, and loses nobody's grant: ${KILLS} times`, {
  timeout: KILLS_TIMEOUT_MS,
}, async () => {
  const sinceMs = performance.now();
  const builds = new Map<Stage, OpenedBuildFiles>();
  const around = async (stage: Stage): Promise<AsyncDisposable> => {
    builds.set(stage, await stage.openBuild());
    return { [Symbol.asyncDispose]: async () => undefined };
  };
  const servedMs = await killsOf(
    "gateway",
    async (stage) => {
      const build = builds.get(stage);
      if (build === undefined) throw new Error("No build is open on this machine");
      const killed = stage.kill("gateway");
      const ms = await untilServed(build);
      await killed;
      return ms;
    },
    around,
  );
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
