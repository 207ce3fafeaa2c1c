import { beforeEach, describe, expect, it } from "vitest";
import { commandsNaming, eventually, whyNoBuildkit } from "../buildkit/real-buildkit.ts";
import { isAlive } from "./launcher-bench.ts";
import { RealAgent } from "./real-agent.ts";

async function stepOf(agent: RealAgent): Promise<{ readonly mark: string; readonly building: Promise<string> }> {
  const mark = `${process.pid}${Date.now() % 1000}`;
  const building = agent.buildkit.build([`RUN ["/bin/busybox","sleep","${mark}"]`]).catch(String);
  await eventually(async () => (await commandsNaming(`sleep ${mark}`)).length > 0, "the step runs");
  return { mark, building };
}

describe("the agent's processes", () => {
  beforeEach(({ skip }) => {
    const why = whyNoBuildkit();
    if (why !== undefined) skip(why);
  });

  it("are gone, with the build step that ran, when the launcher is killed", async () => {
    await using agent = await RealAgent.start();
    const buildkitd = await agent.startBuildkit();
    const { mark, building } = await stepOf(agent);
    agent.process.kill("SIGKILL");
    await agent.ended();
    await building;
    await eventually(async () => (await commandsNaming(agent.buildkit.dir)).length === 0, "no process of it is left");
    expect(await commandsNaming(`sleep ${mark}`)).toEqual([]);
    expect(await commandsNaming(String(buildkitd))).toEqual([]);
    const mounts = (await agent.buildkit.remains()).filter((one) => !one.endsWith(".sock"));
    expect(mounts).toEqual([]);
  });

  it("keep buildkitd and its build when control is killed", async () => {
    await using agent = await RealAgent.start();
    const buildkitd = await agent.startBuildkit();
    const building = agent.buildkit.build(['RUN ["/bin/busybox","sleep","2"]']);
    const control = agent.childPid("control")!;
    process.kill(control, "SIGKILL");
    await eventually(() => agent.childPid("control") !== control, "control is started again");
    await building;
    expect(await agent.buildkitPid()).toBe(buildkitd);
  });

  it("end in order, with 0 and nothing left, on SIGTERM", async () => {
    await using agent = await RealAgent.start();
    const pids = [await agent.startBuildkit(), agent.childPid("gateway")!, agent.childPid("control")!];
    agent.process.kill("SIGTERM");
    expect(await agent.ended()).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(await agent.buildkit.remains()).toEqual([]);
  });

  it("end in order when the one that started the launcher is gone", async () => {
    await using agent = await RealAgent.start({ BUILDER_AGENT_PARENT: "stdin" });
    await agent.startBuildkit();
    agent.process.stdin?.end();
    expect(await agent.ended()).toBe(0);
    expect(await agent.buildkit.remains()).toEqual([]);
  });
});
