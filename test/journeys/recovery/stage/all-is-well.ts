import { expect } from "vitest";
import { eventually } from "../../stage/eventually.ts";
import type { Stage } from "../../stage/stage.ts";

/** Ready, no session lost or told twice, and the machine the one that it was. */
export async function allIsWell(stage: Stage): Promise<void> {
  await eventually("the control plane is no trouble any more", async () => {
    const { status, body } = await stage.health("/readyz?verbose");
    return status === 200 && body.includes("[+]control-plane ok");
  });
  await eachSessionOnRecord(stage);
  expect(await stage.log.all("identity.registered")).toHaveLength(1);
}

/** How many records there are, once there is one of each session that has ended, and no other. */
export async function eachSessionOnRecord({ log, plane }: Stage): Promise<number> {
  const closed = (await log.all("session.closed")).map(({ data }) => String(data["sessionId"]));
  await plane.until(() => plane.records().length >= closed.length, { what: "every record" });
  const recorded = plane.records().map(({ sessionId }) => sessionId);
  expect(recorded.toSorted()).toEqual(closed.toSorted());
  return recorded.length;
}
