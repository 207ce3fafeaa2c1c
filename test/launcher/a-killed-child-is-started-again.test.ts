import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { isAlive, LauncherBench, seatsIn } from "./launcher-bench.ts";

describe("the launcher", () => {
  it("starts a killed gateway again, on the same port, and leaves control alone", async () => {
    await using bench = await LauncherBench.make();
    void bench.run();
    const [gateway, control] = [await bench.started("gateway"), await bench.started("control")];
    const port = bench.port;
    await expect.poll(() => bench.gatewayThatAnswers().catch(String)).toBe(gateway);
    process.kill(gateway, "SIGKILL");
    const again = await bench.started("gateway", 1);
    expect(again).not.toBe(gateway);
    await expect.poll(() => bench.gatewayThatAnswers().catch(String)).toBe(again);
    expect(bench.port).toBe(port);
    expect(isAlive(control)).toBe(true);
  });

  it("starts a killed control again, and the gateway goes on listening", async () => {
    await using bench = await LauncherBench.make();
    void bench.run();
    const [gateway, control] = [await bench.started("gateway"), await bench.started("control")];
    process.kill(control, "SIGKILL");
    await bench.started("control", 1);
    expect(await bench.gatewayThatAnswers()).toBe(gateway);
    expect(bench.unit.asked).toEqual([]);
  });

  it("slows down when control ends again and again, and says so", async () => {
    await using bench = await LauncherBench.make();
    void bench.run({ control: "exits:1" });
    await bench.started("control", 3);
    const restarts = bench.log.lines.filter(({ event }) => event === "launcher.child-restarting");
    expect(restarts.slice(0, 3).map(({ data }) => data)).toEqual([
      { child: "control", code: 1, restart: "after", delayMs: 0 },
      { child: "control", code: 1, restart: "after", delayMs: 100 },
      { child: "control", code: 1, restart: "after", delayMs: 200 },
    ]);
  });

  it("starts what ran for 10 s at once, however often it was killed before", async () => {
    await using bench = await LauncherBench.make();
    void bench.run();
    for (let kills = 0; kills < 8; kills += 1) {
      const gateway = await bench.started("gateway", kills);
      bench.aheadMs += 10_000;
      process.kill(gateway, "SIGKILL");
    }
    await bench.started("gateway", 8);
    const restarts = bench.log.lines.filter(({ event }) => event === "launcher.child-restarting");
    expect(restarts.map(({ data }) => data["delayMs"])).toEqual(Array.from({ length: 8 }, () => 0));
  });

  it("hands the gateway its socket as systemd would, and tells both whose end ends them", async () => {
    await using bench = await LauncherBench.make();
    void bench.run();
    await bench.started("gateway");
    await bench.started("control");
    const told = Object.fromEntries((await bench.entries()).map(({ role, what }) => [role, JSON.parse(what.slice(8))]));
    expect(told).toEqual({
      gateway: { LISTEN_FDS: "1", BUILDER_AGENT_PARENT: "stdin" },
      control: { BUILDER_AGENT_PARENT: "stdin" },
    });
  });

  it("passes a SIGHUP on to both, and to none that does not listen to it yet", async () => {
    await using bench = await LauncherBench.make();
    void bench.run({ control: "defenceless" });
    await bench.started("gateway");
    const control = await bench.started("control");
    bench.again.note();
    await expect
      .poll(async () => (await bench.entries()).filter(({ what }) => what === "SIGHUP").map(({ role }) => role))
      .toEqual(["gateway"]);
    expect(isAlive(control)).toBe(true);
  });

  it("loses no connection to a socket of its own between two gateways", async () => {
    await using bench = await LauncherBench.make();
    void bench.run();
    const gateway = await bench.started("gateway");
    await expect.poll(() => bench.gatewayThatAnswers().catch(String)).toBe(gateway);
    process.kill(gateway, "SIGKILL");
    await expect.poll(() => isAlive(gateway)).toBe(false);
    const answers = await Promise.all(Array.from({ length: 50 }, () => bench.gatewayThatAnswers()));
    expect(new Set(answers)).toEqual(new Set([await bench.started("gateway", 1)]));
  });

  it("starts another gateway beside the one that is there when it is told to, and keeps that one", async () => {
    await using bench = await LauncherBench.make();
    void bench.run();
    const old = await bench.started("gateway");
    bench.replace.note();
    const next = await bench.started("gateway", 1);
    expect(isAlive(old)).toBe(true);
    // What one that is killed leaves: control would go on looking there.
    const [left = ""] = seatsIn(bench.dir);
    await writeFile(left, "");
    process.kill(old, "SIGKILL");
    const isNoticed = (): boolean => bench.log.lines.some(({ data }) => data["childPid"] === old && "signal" in data);
    await expect.poll(isNoticed).toBe(true);
    await expect.poll(() => existsSync(left)).toBe(false);
    await expect.poll(() => bench.gatewayThatAnswers().catch(String)).toBe(next);
    process.kill(next, "SIGKILL");
    const again = await bench.started("gateway", 2);
    await expect.poll(() => bench.gatewayThatAnswers().catch(String)).toBe(again);
    const seats = (await bench.entries()).filter(({ what }) => what.startsWith("started") && what.includes("LISTEN"));
    expect(seats.map(({ what }) => /"BUILDER_AGENT_SEAT":"(\d)"/.exec(what)?.[1])).toEqual([undefined, "2", undefined]);
  });

  it("starts no fifth gateway, and says so", async () => {
    await using bench = await LauncherBench.make();
    void bench.run();
    await bench.started("gateway");
    for (const nth of [1, 2, 3]) {
      bench.replace.note();
      await bench.started("gateway", nth);
    }
    bench.replace.note();
    await expect
      .poll(() => bench.log.lines.find(({ event }) => event === "launcher.gateway-not-replaced")?.data)
      .toEqual({ gateways: 4 });
  });
});
