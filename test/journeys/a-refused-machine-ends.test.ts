import { rm, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { Refusal } from "../../sandbox/control-plane/refusal.ts";
import { eventually } from "./stage/eventually.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

/** EX_NOPERM: starting again does not help. */
const EXIT_REFUSED = 77;

needsStage();

it("with exit code 77, the launcher too, after its open build has finished", async () => {
  await using stage = await Stage.up({ drainGraceMs: 60_000 });
  await using held = await stage.holdBuild(await stage.openBuild());
  stage.plane.refuseMachine(stage.machine.id);
  const draining = await stage.log.until("agent.draining");
  expect(draining.data["reason"]).toContain(`Machine ${stage.machine.id} is refused.`);
  await held.finish();
  expect(await stage.ended()).toEqual({ code: EXIT_REFUSED, signal: null });
});

it("with exit code 77 when it is refused at its registration", async () => {
  const because = Refusal.forGood("machine-refused", "This image is withdrawn.");
  await using stage = await Stage.up({
    prepare: ({ faults }) => faults.answer("register", because),
    awaitReady: false,
  });
  expect(await stage.ended()).toEqual({ code: EXIT_REFUSED, signal: null });
  expect((await stage.log.until("agent.stopping")).data["reason"]).toContain("This image is withdrawn.");
});

it("but one whose join token is spent says so and waits for another", async () => {
  await using stage = await Stage.up();
  await rm(stage.identityFile);
  const failed = stage.log.next("identity.registration-failed");
  await stage.kill("control");
  await failed;
  const why = "attestation.join_token.token: unknown, spent or expired";
  const unready = await eventually("readyz says why", async () => {
    const answer = await stage.health("/readyz?verbose");
    return answer.body.includes(why) && answer;
  });
  expect(unready.status).toBe(503);
  expect(await stage.status()).toMatchObject({ exitCode: 1, said: expect.stringContaining(why) as string });

  await writeFile(stage.tokenFile, stage.plane.issueJoinToken(stage.machine.project.ref));
  await eventually("readyz is 200", async () => (await stage.health("/readyz")).status === 200);
  expect(await stage.status()).toMatchObject({ exitCode: 0 });
});
