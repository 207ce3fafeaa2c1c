import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { eventually } from "../buildkit/real-buildkit.ts";
import { isAlive, LauncherBench, seatsIn } from "./launcher-bench.ts";

describe("the launcher's ending", () => {
  it("is control, then gateway, then BuildKit, and 0", async () => {
    await using bench = await LauncherBench.make();
    const done = bench.run();
    const pids = [await bench.started("gateway"), await bench.started("control")];
    bench.stop.abort();
    expect(await done).toBe(0);
    const ends = (await bench.entries()).filter(({ what }) => what === "SIGTERM").map(({ role }) => role);
    expect(ends).toEqual(["control", "gateway"]);
    expect(bench.unit.journalAtStop.filter(({ what }) => what === "SIGTERM")).toHaveLength(2);
    expect(bench.unit.asked).toEqual([["stop", 1_234]]);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(bench.managerSocket)).toBe(false);
  });

  it("passes a second signal on to control, and waits for it all the same", async () => {
    await using bench = await LauncherBench.make();
    const done = bench.run({ control: "stubborn" });
    const [gateway, control] = [await bench.started("gateway"), await bench.started("control")];
    const told = async (): Promise<number> =>
      (await bench.entries()).filter(({ role, what }) => role === "control" && what === "SIGTERM").length;
    bench.stop.abort();
    await eventually(async () => (await told()) === 1, "control is told");
    expect(isAlive(gateway)).toBe(true);
    bench.hurry.abort();
    await eventually(async () => (await told()) === 2, "control is told again");
    expect(await bench.gatewayThatAnswers()).toBe(gateway);
    process.kill(control, "SIGKILL");
    expect(await done).toBe(70);
  });

  it("kills a control that overruns its time, and still ends the rest in order", async () => {
    await using bench = await LauncherBench.make();
    const done = bench.run({ control: "stubborn", config: { controlGraceMs: 300 } });
    const control = await bench.started("control");
    bench.stop.abort();
    expect(await done).toBe(70);
    expect(isAlive(control)).toBe(false);
    expect(bench.unit.journalAtStop.at(-1)).toMatchObject({ role: "gateway", what: "SIGTERM" });
  });

  it.each([
    { code: 77, why: "this machine is refused" },
    { code: 0, why: "control has ended in order" },
  ])("comes by itself when control ends with $code: $why", async ({ code }) => {
    await using bench = await LauncherBench.make();
    expect(await bench.run({ control: `exits:${code}` })).toBe(code);
    expect((await bench.entries()).filter(({ role }) => role === "control")).toHaveLength(1);
    expect(bench.unit.asked).toEqual([["stop", 1_234]]);
  });

  it("is 0 as well when control is told before it listens to signals, or when it has just stopped to", async () => {
    await using bench = await LauncherBench.make();
    const done = bench.run({ control: "defenceless" });
    await bench.started("control");
    bench.stop.abort();
    expect(await done).toBe(0);
    expect(bench.unit.asked).toEqual([["stop", 1_234]]);
  });

  it("comes at once, and with its reason, when the gateway's address is taken", async () => {
    await using bench = await LauncherBench.make();
    const taken = createServer();
    await once(taken.listen(0, "127.0.0.1"), "listening");
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const gateway = {
      args: ["-e", ""],
      env: {},
      listen: { host: "127.0.0.1", port },
      endFile: join(bench.dir, "end"),
      sockets: seatsIn(bench.dir),
    };
    const failed = bench.run({ config: { gateway } });
    await expect(failed).rejects.toMatchObject({
      code: "gateway.cannot-listen",
      message: `Cannot listen on 127.0.0.1, port ${port}`,
    });
    expect(existsSync(bench.managerSocket)).toBe(false);
    taken.close();
  });

  it("waits for no restart that is still to come", async () => {
    await using bench = await LauncherBench.make();
    const done = bench.run({ control: "exits:1" });
    await eventually(() => bench.log.lines.some(({ data }) => data["delayMs"] === 800), "a long wait");
    bench.stop.abort();
    expect(await done).toBe(1);
  });
});
