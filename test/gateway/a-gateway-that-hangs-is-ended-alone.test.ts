import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { closed, echoed, ReplacedRig } from "./replaced-rig.ts";

/** Three looks; the watchdog of the unit has 30 s. */
const HANGS_FOR_MS = 6_000;

/** The gateways that the keeper has started and that run, the oldest first. */
async function gateways({ keeper }: ReplacedRig): Promise<readonly number[]> {
  const pids = await readFile(`/proc/${keeper?.pid}/task/${keeper?.pid}/children`, "utf8");
  return pids.trim().split(" ").map(Number);
}

it("the newest: the session that an older one finishes goes on, and another lets the next one in", async () => {
  await using rig = await ReplacedRig.start({ keptWithinMs: HANGS_FOR_MS });
  const open = await rig.client();
  await rig.replace();
  const [old, young = 0] = await gateways(rig);
  const before = rig.control.view?.runId;
  process.kill(young, "SIGSTOP");
  await eventually("it was killed, and no other", () =>
    rig.complaints.includes(`process ${young} has ended (hung KILL)`),
  );
  expect((await gateways(rig))[0]).toBe(old);
  await echoed(open, Buffer.from("still here"));
  await rig.control.until((view) => view.at === "here" && view.runId !== before && view.listening);
  const next = await rig.client();
  await echoed(next, Buffer.from("let in"));
  await echoed(open, Buffer.from("and still here"));
  for (const client of [next, open]) client.destroy();
  await rig.settled(2);
  expect(rig.records.map(({ ending }) => ending)).toEqual(["client-closed", "client-closed"]);
});

it("one that only finishes: its session is lost and told, and the one that serves is not touched", async () => {
  await using rig = await ReplacedRig.start({ keptWithinMs: HANGS_FOR_MS });
  const lost = await rig.client();
  await rig.replace();
  const [old = 0, young] = await gateways(rig);
  const open = await rig.client();
  const gone = closed(lost);
  process.kill(old, "SIGSTOP");
  await gone;
  await rig.settled(1);
  expect(rig.records.map(({ ending }) => ending)).toEqual(["gateway-lost"]);
  expect(await gateways(rig)).toEqual([young]);
  await echoed(open, Buffer.from("not touched"));
});
