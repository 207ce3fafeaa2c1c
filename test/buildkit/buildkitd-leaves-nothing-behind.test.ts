import { existsSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import type { UnitStatus } from "../../agent/ports/buildkit.ts";
import { commandsNaming, eventually, RealBuildkit, whyNoBuildkit } from "./real-buildkit.ts";

const { signal } = new AbortController();

async function nextStatus(bench: RealBuildkit, at: UnitStatus["at"]): Promise<UnitStatus> {
  for await (const status of bench.unit.statuses(AbortSignal.timeout(30_000))) if (status.at === at) return status;
  throw new Error(`Never ${at}`);
}

describe("a real buildkitd", () => {
  beforeEach(({ skip }) => {
    const why = whyNoBuildkit();
    if (why !== undefined) skip(why);
  });

  it("starts, lists its worker, builds, and leaves no process, socket or mount when it is stopped", async () => {
    await using bench = await RealBuildkit.make();
    const { pid } = await bench.up();
    expect(await bench.probe.listWorkers(signal)).toMatchObject({
      workers: 1,
      version: expect.stringMatching(/^v\d/) as string,
    });
    expect((await bench.probe.listWorkers(signal)).platforms).toContain(
      process.arch === "x64" ? "linux/amd64" : "linux/arm64",
    );
    await bench.build(['RUN ["/bin/busybox","true"]']);
    expect(await commandsNaming(bench.dir)).not.toEqual([]);
    await bench.unit.stop(10_000, signal);
    expect(await nextStatus(bench, "stopped")).toEqual({ at: "stopped" });
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(await bench.remains()).toEqual([]);
  });

  it("ends with its build steps when it is killed, and the exit names the signal", async () => {
    await using bench = await RealBuildkit.make();
    const { pid } = await bench.up();
    const mark = `${process.pid}${Date.now() % 1000}`;
    const building = bench.build([`RUN ["/bin/busybox","sleep","${mark}"]`]).catch(String);
    const steps = async () => (await commandsNaming(`sleep ${mark}`)).filter((command) => command.startsWith("/bin/"));
    await eventually(async () => (await steps()).length > 0, "the step runs");
    process.kill(pid, "SIGKILL");
    const status = await nextStatus(bench, "exited");
    expect(status).toMatchObject({ exit: { signal: "SIGKILL" } });
    expect(status).not.toHaveProperty("exit.code");
    expect(await steps()).toEqual([]);
    await building;
    expect(await bench.remains()).toEqual([]);
  });

  it("starts again after it was killed, on the same cache, and builds", async () => {
    await using bench = await RealBuildkit.make();
    const { pid } = await bench.up();
    process.kill(pid, "SIGKILL");
    await nextStatus(bench, "exited");
    await bench.unit.start(signal);
    const again = await bench.answering();
    expect(again.pid).not.toBe(pid);
    await bench.build(['RUN ["/bin/busybox","true"]']);
  });

  it("is killed when a build does not end within the grace", async () => {
    await using bench = await RealBuildkit.make();
    await bench.up();
    const mark = `${process.pid}${Date.now() % 1000}`;
    const building = bench.build([`RUN ["/bin/busybox","sleep","${mark}"]`]).catch(String);
    await eventually(async () => (await commandsNaming(`sleep ${mark}`)).length > 0, "the step runs");
    await bench.unit.stop(200, signal);
    await building;
    expect(await commandsNaming(`sleep ${mark}`)).toEqual([]);
    expect(bench.log.lines.at(-1)).toMatchObject({ event: "buildkit.stopped", data: { wasKilled: true } });
    expect(await bench.remains()).toEqual([]);
  });

  it("runs beside another one, and the end of one does not touch the other", async () => {
    await using one = await RealBuildkit.make();
    await using other = await RealBuildkit.make();
    await Promise.all([one.up(), other.up()]);
    await Promise.all([one.build(['RUN ["/bin/busybox","true"]']), other.build(['RUN ["/bin/busybox","true"]'])]);
    await one.unit.stop(10_000, signal);
    await other.build(['RUN ["/bin/busybox","echo","still here"]']);
  });

  it("has its log lines in ours, with their level", async () => {
    await using bench = await RealBuildkit.make();
    await bench.up();
    const { lines } = bench.log;
    const told = lines.filter(({ event }) => event === "buildkit.log");
    expect(told).toContainEqual(
      expect.objectContaining({ level: "info", data: { message: `running server on ${bench.places.socketPath}` } }),
    );
    expect(told.some(({ level }) => level === "warn")).toBe(true);
  });

  it("is harmless to start twice and to stop twice, and a start without a configuration is refused", async () => {
    await using bench = await RealBuildkit.make();
    await expect(bench.unit.start(signal)).rejects.toMatchObject({ code: "buildkit.not-configured" });
    const { pid } = await bench.up();
    await bench.unit.start(signal);
    expect(await bench.answering()).toEqual({ pid });
    await bench.unit.stop(10_000, signal);
    await bench.unit.stop(10_000, signal);
  });
});
