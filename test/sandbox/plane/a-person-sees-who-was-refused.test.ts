import { expect, it } from "vitest";
import { EXIT } from "../../../sandbox/failure.ts";
import { joinRequest, PlainAgent, refusal } from "../plain-agent.ts";
import { LabMachine } from "./lab-machine.ts";
import { RunningPlane } from "./running-plane.ts";

it("forgets a machine once it has gone, and not while it is attached", async () => {
  await using plane = await RunningPlane.start();
  let id: string;
  {
    await using machine = await LabMachine.register(plane, await plane.token());
    id = machine.id;
    await machine.until("its first state", () => true);
    const tooEarly = await plane.command("forget", "--machine", id);
    expect(tooEarly).toMatchObject({ exitCode: EXIT.unavailable, stdout: "" });
    expect(tooEarly.stderr).toContain(`Machine ${id} is attached: drain it, and forget it once it has gone.`);
  }
  await plane.kill();
  await plane.startAgain();
  expect((await plane.command("forget", "--machine", id)).stdout).toContain(`Machine ${id} is forgotten`);
  expect(await plane.asked("machines")).toEqual([]);
  expect(await plane.asked("audit")).toMatchObject([{ event: "machine-forgotten", machineId: id, times: 1 }]);
  expect((await plane.command("forget", "--machine", id)).stderr).toContain(`No machine ${id} is registered here.`);
  await plane.kill();
  await plane.startAgain();
  expect(await plane.asked("machines")).toEqual([]);
});

it("tells why evidence was refused, at once and when it is asked, and no token", async () => {
  await using plane = await RunningPlane.start();
  expect((await plane.command("audit")).stdout).toContain("Nothing has been audited");
  using agent = new PlainAgent(plane);
  const token = "never-issued-by-anybody";
  for (let time = 0; time < 2; time += 1) await refusal(agent.register((await joinRequest(agent, token)).request));
  const { stdout: listed } = await plane.command("audit");
  const { stdout: told } = await plane.interrupt();
  for (const text of [listed, told]) {
    expect(text).toContain("evidence-refused  joinToken from 127.0.0.1");
    expect(text).toContain("    attestation.join_token.token: unknown, spent or expired");
    expect(text).not.toContain(token);
  }
  expect(listed).toContain("2 times, first");
  expect(told.match(/evidence-refused/g)).toHaveLength(1);
});
