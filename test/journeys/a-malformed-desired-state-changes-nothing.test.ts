import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { Refusal } from "../../sandbox/control-plane/refusal.ts";
import { desired, encoded, MALFORMED_STATES } from "./stage/malformed-states.ts";
import { sharedStage } from "./stage/shared-stage.ts";

/**
 * Longer than all the malformed states together take: the next heartbeat shall find them all
 * refused.
 */
const HEARTBEAT_MS = 8_000;
/** Field 1999, a varint of 1. */
const UNKNOWN_FIELD = Buffer.from([0xf8, 0x7c, 0x01]);

const stage = sharedStage({ plane: { heartbeatMs: HEARTBEAT_MS } });

it("is refused whole, reported and counted; the last good one stays, and the next heartbeat clears the report", async () => {
  const { plane } = stage();
  const build = await stage().openBuild();
  await using held = await stage().holdBuild(build);
  // A fresh stream: its first heartbeat is a whole period away.
  const { attaches } = stage().machine;
  plane.endStreams(new Refusal(status.UNAVAILABLE, "A restart."));
  await plane.until(() => stage().machine.attaches > attaches && stage().machine.observed !== undefined);
  const { revision } = desired(stage());

  for (const [index, { what, breach, because }] of MALFORMED_STATES.entries()) {
    plane.sendRaw(breach({ ...desired(stage()), revision: revision + 1n }));
    const told = await plane.until(
      () => {
        const { observed } = stage().machine;
        return observed?.counters?.messagesRefused === BigInt(index + 1) && observed;
      },
      { what: `${what} to be reported` },
    );
    expect(told).toMatchObject({
      refusedReason: expect.stringContaining(because) as string,
      appliedRevision: revision,
    });
  }
  expect((await stage().health("/readyz/desired-state")).body).toContain("[!]desired-state failed, not blocking");
  expect((await stage().health("/readyz")).status).toBe(200);
  expect((await stage().health("/metrics")).body).toContain(
    `builder_agent_messages_refused_total{kind="desired-state"} ${MALFORMED_STATES.length}\n`,
  );

  await plane.until(() => stage().machine.observed?.refusedReason === "", { what: "a heartbeat to clear the report" });
  expect((await stage().health("/readyz/desired-state")).body).toBe("ok\n");
  expect((await stage().askWorkers(build)).exitCode).toBe(0);
  await held.finish();
});

it("but one of a newer control plane is taken: what is not known in it is ignored and counted", async () => {
  const { plane, log } = stage();
  const refusedBefore = (await log.all("desired-state.refused")).length;
  const build = await stage().openBuild();
  const message = Buffer.concat([encoded(desired(stage())), UNKNOWN_FIELD]);
  plane.sendRaw(message);
  expect((await log.until("control-plane.newer-contract")).data["unknownFields"]).toBe(1);
  expect((await stage().health("/metrics")).body).toContain("builder_agent_control_plane_unknown_fields_total 1\n");
  expect((await stage().askWorkers(build)).exitCode).toBe(0);
  expect(await log.all("desired-state.refused")).toHaveLength(refusedBefore);
});
