import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { AttachResponse } from "../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import type { DesiredState } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { Refusal } from "../../sandbox/control-plane/refusal.ts";
import { sharedStage } from "./stage/shared-stage.ts";
import type { Stage } from "./stage/stage.ts";

/**
 * Longer than all the malformed states together take: the next heartbeat shall find them all
 * refused.
 */
const HEARTBEAT_MS = 8_000;
/** Field 1999, a varint of 1. */
const UNKNOWN_FIELD = Buffer.from([0xf8, 0x7c, 0x01]);

const stage = sharedStage({ plane: { heartbeatMs: HEARTBEAT_MS } });

/** What the control plane wants now, as it would send it. */
function desired({ plane, machine }: Stage): DesiredState {
  return machine.project.desired({
    architecture: machine.architecture,
    epoch: machine.observed?.appliedEpoch ?? "",
    sentAt: new Date(),
    trustBundle: plane.authorities.trustBundle(),
  });
}

function encoded(state: DesiredState): Uint8Array {
  return AttachResponse.encode({ message: { $case: "desired", value: state } }).finish();
}

/** Each also leaves out every open build: what is taken in part would cut the one that runs. */
const BREACHES: readonly {
  readonly what: string;
  readonly breach: (now: DesiredState) => Uint8Array;
  readonly because: string;
}[] = [
  {
    what: "bytes that are no message",
    breach: () => Buffer.from("ffffffffff", "hex"),
    because: "not a readable AttachResponse",
  },
  { what: "no trust bundle", breach: (now) => encoded({ ...now, trustBundle: undefined }), because: "trust_bundle" },
  { what: "no revision", breach: (now) => encoded({ ...now, revision: 0n }), because: "revision" },
  {
    what: "a build without an end",
    breach: (now) =>
      encoded({ ...now, openBuilds: now.openBuilds.map((build) => ({ ...build, expiresAt: undefined })) }),
    because: "expires_at",
  },
  {
    what: "a build of another project",
    breach: (now) => encoded({ ...now, openBuilds: now.openBuilds.map((build) => ({ ...build, projectId: "other" })) }),
    because: "project_id",
  },
  {
    what: "an older revision",
    breach: (now) => encoded({ ...now, revision: 1n, openBuilds: [] }),
    because: "older than",
  },
  {
    what: "another customer's assignment",
    breach: (now) =>
      encoded({
        ...now,
        openBuilds: [],
        assignment: {
          ...{ orgId: "other", projectId: "app", architecture: stage().machine.architecture },
          debugGrantKey: new Uint8Array(),
        },
      }),
    because: "assigned to other/app",
  },
];

it("is refused whole, reported and counted; the last good one stays, and the next heartbeat clears the report", async () => {
  const { plane } = stage();
  const build = await stage().openBuild();
  await using held = await stage().holdBuild(build);
  // A fresh stream: its first heartbeat is a whole period away.
  const { attaches } = stage().machine;
  plane.endStreams(new Refusal(status.UNAVAILABLE, "A restart."));
  await plane.until(() => stage().machine.attaches > attaches && stage().machine.observed !== undefined);
  const { revision } = desired(stage());

  for (const [index, { what, breach, because }] of BREACHES.entries()) {
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
    `builder_agent_messages_refused_total{kind="desired-state"} ${BREACHES.length}\n`,
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
