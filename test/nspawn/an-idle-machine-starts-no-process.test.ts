import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();

/** For how long it is looked at. An hour is seen by a person: BUILDER_AGENT_IDLE_S=3600. */
const IDLE_MS = Number(process.env["BUILDER_AGENT_IDLE_S"] ?? "90") * 1_000;
/** None was started for so long: 30 s after the boot the network is looked at once more. */
const SETTLED_MS = 40_000;
const SETTLED_DEADLINE_MS = 180_000;
/** A tiny step shows that BuildKit works (decision 61): a longer look sees some, the usual none. */
const STEP_EVERY_MS = 300_000;
/** Its processes and threads: buildkitd's, runc's and its own. 34 to 74 were seen. */
const STARTED_BY_STEP_MAX = 150;
const STEPS_MAX = SETTLED_MS + IDLE_MS < STEP_EVERY_MS ? 0 : Math.ceil(IDLE_MS / STEP_EVERY_MS);
/**
 * How often a second each may wake up. Their share of a core is said, not judged: on a shared host
 * a process that only wakes up five times a second was seen to take 0.03 and 1.6 % of a core.
 */
const WAKE_UPS_MAX = { control: 5, gateway: 2 } as const;

const UNITS = {
  control: "agent.slice/builder-agent-control.service",
  gateway: "agent.slice/builder-agent-gateway.service",
  all: "agent.slice",
  buildkit: "builds.slice",
  manager: "init.scope",
} as const;

/** How many processes and threads the machine has ever started. To ask takes one. */
async function started(): Promise<number> {
  return Number((await machine().container.run("cat", ["/proc/loadavg"])).trim().split(" ").at(-1));
}

async function cpuMs(group: string): Promise<number> {
  const file = `/proc/${machine().container.leader}/root/sys/fs/cgroup/${group}/cpu.stat`;
  const text = await readFile(file, "utf8").catch(() => "");
  return Number(/^usage_usec (\d+)$/m.exec(text)?.[1] ?? 0) / 1_000;
}

/** How often its main thread has waited for something. */
async function wakeUps(unit: keyof typeof WAKE_UPS_MAX): Promise<number> {
  const { container } = machine();
  const name = `builder-agent-${unit}.service`;
  const [pid] = unit === "gateway" ? await container.childrenOf(name) : [await container.mainPid(name)];
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1]);
}

async function wakeUpsOfEach(): Promise<{ readonly control: number; readonly gateway: number }> {
  return { control: await wakeUps("control"), gateway: await wakeUps("gateway") };
}

async function cpuOfEach(): Promise<ReadonlyMap<string, number>> {
  return new Map(
    await Promise.all(Object.entries(UNITS).map(async ([name, group]) => [name, await cpuMs(group)] as const)),
  );
}

/** Resolves when nothing was started for a while. */
async function settled(): Promise<void> {
  let [last, sinceMs] = [await started(), Date.now()];
  await eventually(
    "the machine is idle",
    async () => {
      await sleep(1_000);
      const now = await started();
      if (now !== last + 1) sinceMs = Date.now();
      last = now;
      return Date.now() - sinceMs >= SETTLED_MS;
    },
    SETTLED_DEADLINE_MS,
  );
}

it("starts no process while nobody builds, but for a step now and then, and its own hardly ever wake up", {
  timeout: IDLE_MS + SETTLED_DEADLINE_MS + 60_000,
}, async () => {
  await settled();
  const wokenBefore = await wakeUpsOfEach();
  const [before, cpuBefore, fromMs] = [await started(), await cpuOfEach(), Date.now()];
  await sleep(IDLE_MS);
  const [after, cpuAfter, tookMs] = [await started(), await cpuOfEach(), Date.now() - fromMs];
  const wokenAfter = await wakeUpsOfEach();
  const wokenASecond = {
    control: ((wokenAfter.control - wokenBefore.control) / tookMs) * 1_000,
    gateway: ((wokenAfter.gateway - wokenBefore.gateway) / tookMs) * 1_000,
  };
  const shares = Object.fromEntries(
    [...cpuAfter].map(([name, ms]) => [name, (ms - (cpuBefore.get(name) ?? 0)) / tookMs]),
  );
  const percent = Object.entries(shares).map(([name, share]) => `${name} ${(share * 100).toFixed(3)} %`);
  const woken = Object.entries(wokenASecond).map(([name, times]) => `${name} ${times.toFixed(1)}`);
  console.log(
    `in ${tookMs} ms: ${after - before - 1} started, ${percent.join(", ")} of a core, woken a second: ${woken.join(", ")}`,
  );
  expect(after - before - 1).toBeLessThanOrEqual(STEPS_MAX * STARTED_BY_STEP_MAX);
  expect(wokenASecond.control).toBeLessThan(WAKE_UPS_MAX.control);
  expect(wokenASecond.gateway).toBeLessThan(WAKE_UPS_MAX.gateway);
});
