import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BenchFailed } from "../../failure.ts";

/** Whose processor time is told, by what its control group is named after. */
const PARTS = [
  { part: "control", group: "agent.slice/builder-agent-control.service" },
  { part: "gateway", group: "agent.slice/builder-agent-gateway.service" },
  { part: "BuildKit, and what prepares it", group: "builds.slice" },
  { part: "systemd", group: "init.scope" },
  { part: "the distribution's units", group: "system.slice" },
] as const;

/** ms of a core since the machine's first process, children that have ended included. */
export interface ProcessorTime {
  readonly part: string;
  readonly tookMs: number;
}

/**
 * What the machine's parts have taken by now. @param group Its control group, as its root is named.
 */
export async function processorTimes(group: string): Promise<readonly ProcessorTime[]> {
  // systemd-nspawn has a group for what it runs, beside its own.
  const machine = join(await unifiedMount(), group, "payload");
  const parts = await Promise.all(
    PARTS.map(async ({ part, group: its }) => ({ part, tookMs: await usedMs(join(machine, its)) })),
  );
  const [agentMs, allMs] = await Promise.all([usedMs(join(machine, "agent.slice")), usedMs(machine)]);
  const [control, gateway] = parts;
  const others = agentMs - (control?.tookMs ?? 0) - (gateway?.tookMs ?? 0);
  return [
    ...parts.slice(0, 2),
    { part: "the agent's other units: network, watchers, cache", tookMs: others },
    ...parts.slice(2),
    { part: "all", tookMs: allMs },
  ];
}

async function usedMs(group: string): Promise<number> {
  const stat = await readFile(join(group, "cpu.stat"), "utf8").catch((cause: unknown) => {
    throw new BenchFailed(`${group} has no processor time: control groups of version 2 tell it.`, { cause });
  });
  return Number(/^usage_usec (\d+)$/m.exec(stat)?.[1] ?? Number.NaN) / 1_000;
}

async function unifiedMount(): Promise<string> {
  const table = await readFile("/proc/self/mountinfo", "utf8");
  const at = table
    .split("\n")
    .find((line) => line.includes(" - cgroup2 "))
    ?.split(" ")[4];
  if (at === undefined) throw new BenchFailed("No cgroup2 is mounted on this machine.");
  return at;
}
