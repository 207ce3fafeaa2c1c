import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { ownRuntime } from "../../agent/adapters/runtime-gauges/own-runtime.ts";
import { newBoard } from "../../agent/control/board/board.ts";
import { watchRuntime } from "../../agent/control/watch-runtime.ts";
import { ManualClock } from "../control/manual-clock.ts";

const CLOCK = systemClock();

function blockFor(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

it("sees a loop that something holds up, also just after a look, and forgets it", async () => {
  using own = ownRuntime(CLOCK);
  await sleep(1_200);
  own.eventLoopDelayMs();
  blockFor(2_500);
  await sleep(1_200);
  const heldUpMs = own.eventLoopDelayMs();
  expect(heldUpMs).toBeGreaterThan(1_000);
  await sleep(1_200);
  own.eventLoopDelayMs();
  await sleep(1_200);
  expect(own.eventLoopDelayMs()).toBeLessThan(heldUpMs);
  expect(own.nodeVersion).toBe(process.version);
});

it("reads its memory and its limit from its control group: files that can be given back do not count", async () => {
  const root = await mkdtemp(join(tmpdir(), "cgroup-"));
  try {
    const group = join(root, "sys/fs/cgroup/agent.slice/control.service");
    await mkdir(join(root, "proc/self"), { recursive: true });
    await mkdir(group, { recursive: true });
    await writeFile(join(root, "proc/self/cgroup"), "0::/agent.slice/control.service\n");
    await writeFile(join(group, "memory.max"), "536870912\n");
    await writeFile(join(group, "memory.current"), `${300 * 1024 ** 2}\n`);
    await writeFile(join(group, "memory.stat"), `anon 1\ninactive_file ${100 * 1024 ** 2}\n`);
    using own = ownRuntime(CLOCK, root);
    expect(await own.memory()).toEqual({ usedBytes: 200 * 1024 ** 2, limitBytes: 512 * 1024 ** 2 });
    await writeFile(join(group, "memory.max"), "max\n");
    expect(await own.memory()).toBeUndefined();
    using nowhere = ownRuntime(CLOCK, join(root, "nothing"));
    expect(await nowhere.memory()).toBeUndefined();
  } finally {
    await rm(root, { recursive: true });
  }
});

it("leaves out what a start took, and names what is late within ten seconds; a gateway that is away has no delay", async () => {
  const clock = new ManualClock();
  const board = newBoard();
  const stop = new AbortController();
  const delays = [30_000, 20, 1_500, 0];
  const ownProcess = {
    nodeVersion: "v24.0.0",
    eventLoopDelayMs: () => delays.shift() ?? 0,
    memory: async () => undefined,
  };
  const watching = watchRuntime({ ownRuntime: ownProcess, clock }, board, stop.signal);
  await clock.advance(5_000);
  expect(board.runtime.get()).toEqual({ nodeVersion: "v24.0.0" });
  await clock.advance(5_000);
  expect(board.runtime.get()).toEqual({ nodeVersion: "v24.0.0", control: { delayMs: 0 } });
  board.gatewayDelay.set(800);
  await clock.advance(5_000);
  expect(board.runtime.get()).toMatchObject({
    control: { late: { worstMs: 1_500 } },
    gateway: { late: { worstMs: 800 } },
  });
  board.gatewayDelay.set(undefined);
  await clock.advance(5_000);
  expect(board.runtime.get()).not.toHaveProperty("gateway");
  stop.abort();
  await watching;
});
