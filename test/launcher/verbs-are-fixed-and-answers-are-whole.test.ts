import { once } from "node:events";
import { stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { askedBuildkit } from "../../agent/adapters/launcher/asked-buildkit.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { BuildkitUnit, UnitStatus } from "../../agent/ports/buildkit.ts";
import { eventually } from "../buildkit/real-buildkit.ts";
import { LauncherBench } from "./launcher-bench.ts";

const { signal } = new AbortController();

async function ready(): Promise<{ readonly bench: LauncherBench; readonly unit: BuildkitUnit }> {
  const bench = await LauncherBench.make();
  void bench.run();
  await bench.started("control");
  return { bench, unit: askedBuildkit(bench.managerSocket, bench.clock) };
}

async function say(path: string, line: string): Promise<string> {
  const socket = connect(path);
  socket.write(line);
  return await text(socket);
}

describe("the launcher's socket", () => {
  it("carries each verb to the unit, whatever text is in it", async () => {
    const { bench, unit } = await ready();
    await using _ = bench;
    const toml = '# ünïcode "quotes" \\ \n\u2028 $(reboot) `reboot`\n'.repeat(1_000);
    await unit.configure(toml, signal);
    await unit.start(signal);
    await unit.stop(123.4, signal);
    expect(bench.unit.asked).toEqual([["configure", toml], ["start"], ["stop", 124]]);
  });

  it("gives the asker the unit's own error", async () => {
    const { bench, unit } = await ready();
    await using _ = bench;
    bench.unit.failure = new AgentError("buildkit.config-refused", "its words", { retryable: false });
    await expect(unit.configure("", signal)).rejects.toMatchObject({
      code: "buildkit.config-refused",
      message: "its words",
      retryable: false,
    });
    bench.unit.failure = undefined;
    await unit.start(signal);
  });

  it.each([
    { what: "another verb", line: '{"version":1,"verb":"run","command":"reboot"}' },
    { what: "another version", line: '{"version":2,"verb":"buildkit.start"}' },
    {
      what: "arguments that a verb does not have",
      line: '{"version":1,"verb":"buildkit.start","args":["--root","/"]}',
    },
    { what: "a grace that is no time", line: '{"version":1,"verb":"buildkit.stop","graceMs":-1}' },
    { what: "a text that is no JSON", line: "reboot" },
  ])("refuses $what, and stays in service", async ({ line }) => {
    const { bench, unit } = await ready();
    await using _ = bench;
    expect(JSON.parse(await say(bench.managerSocket, `${line}\n`))).toMatchObject({
      is: "failed",
      code: "launcher.malformed",
    });
    expect(bench.unit.asked).toEqual([]);
    await unit.start(signal);
  });

  it("carries out what was begun when its asker is killed", async () => {
    const { bench } = await ready();
    await using _ = bench;
    let go = (): void => undefined;
    bench.unit.pace = new Promise((resolve) => (go = resolve));
    const socket = connect(bench.managerSocket);
    socket.write('{"version":1,"verb":"buildkit.stop","graceMs":5}\n');
    await eventually(() => bench.unit.asked.length === 1, "the verb has begun");
    socket.destroy();
    await once(socket, "close");
    go();
    await eventually(() => bench.unit.carriedOut.includes("stop"), "the verb is carried out");
  });

  it("tells the present status and each change, and forgets a watcher that is gone", async () => {
    const { bench, unit } = await ready();
    await using _ = bench;
    const stop = new AbortController();
    const seen: UnitStatus[] = [];
    const exited: UnitStatus = { at: "exited", exit: { signal: "SIGKILL", lastLines: ["a", "b"], oomKills: 1 } };
    for await (const status of unit.statuses(stop.signal)) {
      seen.push(status);
      if (seen.length === 1) bench.unit.status.set({ at: "running", pid: 7 });
      if (seen.length === 2) bench.unit.status.set(exited);
      if (seen.length === 3) stop.abort();
    }
    expect(seen).toEqual([{ at: "stopped" }, { at: "running", pid: 7 }, exited]);
    await eventually(() => bench.unit.watchers === 0, "the watcher is forgotten");
  });

  it("is found again by a watcher when another launcher takes its place", async () => {
    const { bench, unit } = await ready();
    await using _ = bench;
    await using next = await LauncherBench.make();
    const stop = new AbortController();
    const seen: UnitStatus["at"][] = [];
    next.unit.status.set({ at: "running", pid: 8 });
    for await (const status of unit.statuses(stop.signal)) {
      seen.push(status.at);
      if (status.at === "running") break;
      await bench.end();
      void next.run({ config: { managerSocket: bench.managerSocket } });
    }
    expect(seen).toEqual(["stopped", "running"]);
  });

  it("is told as unreachable where nobody listens", async () => {
    await using bench = await LauncherBench.make();
    const unit = askedBuildkit(bench.managerSocket, bench.clock);
    await expect(unit.start(signal)).rejects.toMatchObject({ code: "launcher.unreachable", retryable: true });
  });

  it("opens to its own user alone", async () => {
    const { bench } = await ready();
    await using _ = bench;
    expect((await stat(bench.managerSocket)).mode & 0o777).toBe(0o600);
  });

  it("replaces what a dead launcher left, and refuses to push out a living one", async () => {
    await using dead = await LauncherBench.make();
    const left = createServer();
    const path = `${dead.dir}/left.sock`;
    await once(left.listen(path), "listening");
    await using second = await LauncherBench.make();
    await expect(second.run({ config: { managerSocket: path } })).rejects.toMatchObject({
      code: "launcher.already-running",
      message: expect.stringContaining(path),
    });
    left.close();
    await writeFile(path, "");
    await using third = await LauncherBench.make();
    void third.run({ config: { managerSocket: path } });
    await third.started("control");
    await askedBuildkit(path, third.clock).start(signal);
  });
});
