import { expect, it } from "vitest";
import { SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { asMeasured, writeSection } from "../../bench/report/page.ts";
import { sharedStage } from "./stage/shared-stage.ts";

/** `npm run test:replacements` takes 50. */
const ROUNDS = Number(process.env["BUILDER_AGENT_REPLACEMENTS"] ?? "1");
const ROUND_LIMIT_MS = 60_000;
const COMMAND = "BUILDER_AGENT_WRITE_FIGURES=1 npm run test:replacements";

const stage = sharedStage();

it(
  `by a SIGUSR2 to the launcher, ${ROUNDS} times: each build finishes where it began, the next goes to the new one, none is broken`,
  async () => {
    const { log } = stage();
    const before = { port: await stage().port(), buildkitd: await stage().pid("buildkitd") };
    const sinceMs = performance.now();
    const tookMs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const [first, second] = [await stage().openBuild(), await stage().openBuild()];
      const old = await stage().pid("gateway");
      await using held = await stage().holdBuild(first);
      const replaced = log.next("gateway.replaced");
      const orderedMs = performance.now();
      await stage().kill("launcher", "SIGUSR2");
      expect((await replaced).data).toMatchObject({ openSessions: 1 });
      tookMs.push(performance.now() - orderedMs);
      await using next = await stage().holdBuild(second);
      await next.finish();

      expect(await log.last("launcher.child-exited", ({ data }) => data["childPid"] === old)).toBeUndefined();
      const exited = log.next("launcher.child-exited", ({ data }) => data["childPid"] === old);
      const finished = log.next("gateway.finished");
      await held.finish();
      expect((await exited).data).toMatchObject({ child: "gateway", code: 0 });
      await finished;
      for (const build of [first, second]) {
        const records = await stage().untilRecords(build);
        expect(new Set(records.map(({ ending }) => ending))).toEqual(new Set([SessionEnding.CLIENT_CLOSED]));
        expect(new Set(records.map(({ sessionId }) => sessionId)).size).toBe(records.length);
      }
    }
    expect({ port: await stage().port(), buildkitd: await stage().pid("buildkitd") }).toEqual(before);
    const { body } = await stage().health("/metrics");
    expect(body).toContain('builder_agent_restarts_total{process="gateway"} 0\n');
    await writeFigures(tookMs, (performance.now() - sinceMs) / 1_000);
  },
  ROUNDS * ROUND_LIMIT_MS,
);

it("of an old one that is killed while it finishes: its builds break with that reason, each told once, the new one serves on, and it stays gone", async () => {
  const { log } = stage();
  const [first, second, third] = [await stage().openBuild(), await stage().openBuild(), await stage().openBuild()];
  const old = await stage().pid("gateway");
  await using broken = await stage().holdBuild(first);
  const replaced = log.next("gateway.replaced");
  await stage().kill("launcher", "SIGUSR2");
  await replaced;
  const present = await stage().pid("gateway");
  expect(present).not.toBe(old);
  await using held = await stage().holdBuild(second);

  const restarting = (await log.all("launcher.child-restarting")).length;
  const exited = log.next("launcher.child-exited", ({ data }) => data["childPid"] === old);
  process.kill(old, "SIGKILL");
  expect((await exited).data).toMatchObject({ child: "gateway", signal: "SIGKILL" });
  expect((await broken.client.ended).exitCode).not.toBe(0);
  const isTold = (): boolean =>
    stage()
      .recordsOf(first)
      .some(({ ending }) => ending === SessionEnding.GATEWAY_LOST);
  await stage().plane.until(isTold, { what: "the record of the session that was lost", deadlineMs: 30_000 });

  expect((await stage().askWorkers(third)).exitCode).toBe(0);
  await held.finish();
  for (const build of [first, second, third]) {
    const sessions = (await stage().untilRecords(build)).map(({ sessionId }) => sessionId);
    expect(new Set(sessions).size).toBe(sessions.length);
  }
  expect((await stage().untilRecords(second)).map(({ ending }) => ending)).not.toContain(SessionEnding.GATEWAY_LOST);
  expect(await stage().pid("gateway")).toBe(present);
  expect(await log.all("launcher.child-restarting")).toHaveLength(restarting);
  expect((await stage().health("/readyz")).status).toBe(200);
}, 60_000);

/** Only what every check above has passed. */
async function writeFigures(tookMs: readonly number[], seconds: number): Promise<void> {
  if (process.env["BUILDER_AGENT_WRITE_FIGURES"] !== "1") return;
  const sorted = tookMs.toSorted((a, b) => a - b);
  const [median, most] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)].map((ms = 0) => Math.round(ms));
  const figures = `${ROUNDS} replacements, each under a build that was in the middle of a step: ${2 * ROUNDS} builds, 0 broken, 0 refused; each session has one record.
From the order until the new gateway serves: median ${median} ms, at most ${most} ms.`;
  await writeSection(
    { page: "docs/reliability.md", name: "replacements" },
    asMeasured({ command: COMMAND, seconds, figures }),
  );
}
