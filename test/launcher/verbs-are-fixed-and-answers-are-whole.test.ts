import { once } from "node:events";
import { rename, stat } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { askedBuildkit } from "../../agent/adapters/launcher/asked-buildkit.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { UnitStatus } from "../../agent/ports/buildkit.ts";
import { eventually } from "../buildkit/real-buildkit.ts";
import { LauncherBench } from "./launcher-bench.ts";

const { signal } = new AbortController();

async function ready(): Promise<LauncherBench> {
  const bench = await LauncherBench.make();
  void bench.run();
  await bench.started("control");
  return bench;
}

async function say(path: string, line: string): Promise<string> {
  const socket = connect(path);
  socket.write(line);
  return text(socket);
}

describe("the launcher's socket", () => {
  it("carries each verb to the unit, whatever text is in it", async () => {
    await using bench = await ready();
    const { client } = bench;
    const toml = '# ünïcode "quotes" \\ \n\u2028 $(reboot) `reboot`\n'.repeat(1_000);
    await client.configure(toml, signal);
    await client.start(signal);
    await client.stop(123.4, signal);
    expect(bench.unit.asked).toEqual([["configure", toml], ["start"], ["stop", 124]]);
  });

  it("gives the asker the unit's own error", async () => {
    await using bench = await ready();
    const { client } = bench;
    bench.unit.failure = new AgentError("buildkit.config-refused", "its words", { retryable: false });
    await expect(client.configure("", signal)).rejects.toMatchObject({
      code: "buildkit.config-refused",
      message: "its words",
      retryable: false,
    });
    bench.unit.failure = undefined;
    await client.start(signal);
  });

  it.each([
    { what: "another verb", line: '{"version":1,"verb":"run","command":"reboot"}' },
    { what: "another version", line: '{"version":2,"verb":"buildkit.start"}', code: "launcher.other-version" },
    {
      what: "arguments that a verb does not have",
      line: '{"version":1,"verb":"buildkit.start","args":["--root","/"]}',
    },
    { what: "a grace that is no time", line: '{"version":1,"verb":"buildkit.stop","graceMs":-1}' },
    { what: "a text that is no JSON", line: "reboot" },
  ])("refuses $what, and stays in service", async ({ line, code = "launcher.malformed" }) => {
    await using bench = await ready();
    const { client } = bench;
    expect(JSON.parse(await say(bench.managerSocket, `${line}\n`))).toMatchObject({
      is: "failed",
      code,
    });
    expect(bench.unit.asked).toEqual([]);
    await client.start(signal);
  });

  it("carries out what was begun when its asker is killed", async () => {
    await using bench = await ready();
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
    await using bench = await ready();
    const { client } = bench;
    const stop = new AbortController();
    const seen: UnitStatus[] = [];
    const exited: UnitStatus = { at: "exited", exit: { signal: "SIGKILL", lastLines: ["a", "b"], oomKills: 1 } };
    for await (const status of client.statuses(stop.signal)) {
      seen.push(status);
      if (seen.length === 1) bench.unit.status.set({ at: "running", pid: 7 });
      if (seen.length === 2) bench.unit.status.set(exited);
      if (seen.length === 3) stop.abort();
    }
    expect(seen).toEqual([{ at: "stopped" }, { at: "running", pid: 7 }, exited]);
    await eventually(() => bench.unit.watchers === 0, "the watcher is forgotten");
  });

  it("is found again by a watcher when another launcher takes its place", async () => {
    await using bench = await ready();
    const { client } = bench;
    await using next = await LauncherBench.make();
    const stop = new AbortController();
    const seen: UnitStatus["at"][] = [];
    next.unit.status.set({ at: "running", pid: 8 });
    for await (const status of client.statuses(stop.signal)) {
      seen.push(status.at);
      if (status.at === "running") break;
      await bench.end();
      void next.run({ config: { managerSocket: bench.managerSocket } });
    }
    expect(seen).toEqual(["stopped", "running"]);
  });

  it("is told as unreachable where nobody listens", async () => {
    await using bench = await LauncherBench.make();
    await expect(bench.client.start(signal)).rejects.toMatchObject({ code: "launcher.unreachable", retryable: true });
  });

  it("opens to its own user alone", async () => {
    await using bench = await ready();
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
      message: expect.stringContaining(path) as string,
    });
    await rename(path, `${path}.dead`);
    left.close();
    await rename(`${path}.dead`, path);
    await using third = await LauncherBench.make();
    void third.run({ config: { managerSocket: path } });
    await third.started("control");
    await askedBuildkit(path, third.clock).start(signal);
  });
});
