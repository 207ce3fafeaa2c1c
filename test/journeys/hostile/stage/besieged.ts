import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Way } from "../../recovery/stage/way.ts";
import { eventually } from "../../stage/eventually.ts";
import type { Stage } from "../../stage/stage.ts";
import { type Conduct, FarEnd } from "./far-end.ts";
import { mebibytesAtMost } from "./figures.ts";
import { linesOf, type Seen, watched } from "./watch.ts";

export interface Siege {
  readonly forMs: number;
  readonly conduct: Conduct;
  /** How often it was done so far. */
  readonly times: () => number;
}

/** Less than the 90 s of silence after which a stream is given up that nobody told the end of. */
const BACK_WITHIN_MS = 60_000;

/**
 * A whole machine with an open build, whose control plane is somebody else for a while: the build
 * ends well all the same. Then it is its own again.
 */
export async function besieged(stage: Stage, way: Way, { forMs, conduct, times }: Siege): Promise<Seen> {
  const { plane } = stage;
  const build = await stage.openBuild();
  await using held = await stage.holdBuild(build);
  const pid = await stage.pid("control");
  await using far = await FarEnd.open(plane, () => conduct);
  await turnTo(stage, way, far.port);
  await eventually("control has come", () => times() > 0);
  const seen = await watched(stage, forMs);
  await held.finish();
  const pidNow = await stage.pid("control");

  const { attaches } = stage.machine;
  await turnTo(stage, way, plane.transport.port);
  await plane.until(() => stage.machine.attaches > attaches && stage.machine.link !== undefined, {
    what: "control to be back",
    deadlineMs: BACK_WITHIN_MS,
  });
  await plane.endBuild(build.buildId).applied();

  expect(pidNow, "control was not started again").toBe(pid);
  expect(Math.max(...seen.memoryMib)).toBeLessThan(mebibytesAtMost);
  for (const [event, count] of linesOf(seen.lines))
    expect([event, count <= 200 + 2 * (forMs / 1_000)]).toEqual([event, true]);
  return seen;
}

/** No session was lost or told twice, and the next build passes. */
export async function unharmed(stage: Stage): Promise<void> {
  await using held = await stage.holdBuild(await stage.openBuild());
  await held.finish();
  const { plane, log } = stage;
  const sessions = (await log.all("session.closed")).map(({ data }) => String(data["sessionId"]));
  await plane.until(() => plane.records().length >= sessions.length, { what: "every record" });
  const recorded = plane.records().map(({ sessionId }) => sessionId);
  expect(recorded.toSorted()).toEqual(sessions.toSorted());
}

/** From now on, and at once. */
async function turnTo(stage: Stage, way: Way, port: number): Promise<void> {
  way.leadTo(port);
  way.cut();
  await sleep(200);
  await stage.kill("control", "SIGHUP");
}
