import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { joinTokenEvidence } from "../../../agent/adapters/evidence/join-token-evidence.ts";
import { CloseReason } from "../../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { differingFields } from "../../../agent/core/same-content.ts";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";
import { dial, FOREVER, HELLO, isDesired, join, next } from "../../plane/member.ts";
import { TokenFile } from "../../plane/token-file.ts";
import { joinRequest, PlainAgent, refusal } from "../plain-agent.ts";
import { LabMachine } from "./lab-machine.ts";
import { RunningPlane } from "./running-plane.ts";

const OPEN = ["build", "open", "--org", "acme", "--project", "app"] as const;

it("keeps machines, builds, revisions, drains and tokens when it is killed", async () => {
  await using plane = await RunningPlane.start();
  const [spent, unspent] = [await plane.token(), await plane.token()];
  await using machine = await LabMachine.register(plane, spent);
  const open = await plane.asked<OpenedBuildFiles>(...OPEN);
  const ended = await plane.asked<OpenedBuildFiles>(...OPEN);
  await plane.command("build", "end", ended.buildId);
  const before = await machine.until("the end", ({ closedBuilds }) => closedBuilds.length === 1);

  await plane.kill();
  await plane.startAgain();

  const after = await machine.until("what it heard before", ({ revision }) => revision >= before.revision);
  expect(after).toEqual({ ...before, sentAt: after.sentAt });
  expect(after.openBuilds.map(({ buildId }) => buildId)).toEqual([open.buildId]);
  expect(after.closedBuilds).toEqual([{ buildId: ended.buildId, reason: CloseReason.ENDED }]);
  expect(await plane.asked("machines")).toMatchObject([{ machineId: machine.id, attached: true, ready: true }]);

  using stranger = new PlainAgent(plane);
  const again = await refusal(stranger.register((await joinRequest(stranger, spent)).request));
  expect(again).toMatchObject({ code: status.UNAUTHENTICATED });
  await using second = await LabMachine.register(plane, unspent, { bootId: "boot-2" });
  expect(second.id).not.toBe(machine.id);

  const third = await plane.asked<OpenedBuildFiles>(...OPEN);
  const next = await machine.until("a third build", ({ openBuilds }) => openBuilds.length === 2);
  expect(next.revision).toBe(before.revision + 1n);
  expect(next.epoch).toBe(before.epoch);
  expect(third.serverName).toBeOneOf([machine.id, second.id].map((id) => `${id}.builders.sandbox.internal`));

  await plane.command("drain", "--machine", machine.id);
  await plane.kill();
  await plane.startAgain();
  expect((await machine.until("its drain", ({ drain }) => drain !== undefined)).drain?.grace?.seconds).toBe(60n);
  expect((await second.until("no drain", () => true)).drain).toBeUndefined();
  expect([...machine.contradictions, ...second.contradictions]).toEqual([]);
});

it("lets the agent's own client attach by its old certificate, and takes no nonce of before", async () => {
  await using plane = await RunningPlane.start();
  await using client = dial(plane);
  await using token = await TokenFile.holding(await plane.token());
  const identity = await join(client, joinTokenEvidence({ tokenFile: token.path }));
  const desired = async () => {
    const stream = client.attach(identity, HELLO, FOREVER);
    return (await next(stream.incoming[Symbol.asyncIterator](), isDesired)).state;
  };
  const before = await desired();
  using stranger = new PlainAgent(plane);
  const { request } = await joinRequest(stranger, await plane.token());
  await plane.kill();
  await plane.startAgain();
  const after = await desired().catch(desired);
  expect(after.epoch).toBe(before.epoch);
  expect(after.revision).toBe(before.revision);
  expect(differingFields(before, after)).toEqual([]);
  using again = new PlainAgent(plane);
  expect(await refusal(again.register(request))).toMatchObject({
    code: status.UNAUTHENTICATED,
    details: expect.stringContaining("nonce") as string,
  });
});
