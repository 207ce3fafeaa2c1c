import { readdir } from "node:fs/promises";
import type { Collector } from "../collector.ts";
import { readHead } from "../read-file.ts";
import { OUR_UNITS } from "./journal.ts";
import { program } from "./machine.ts";

/** No Environment=, no ExecStart=: what a command line holds is nobody's business. */
const PROPERTIES = [
  ...["Id", "LoadState", "ActiveState", "SubState", "Result", "StatusText", "NRestarts", "InvocationID"],
  ...["StateChangeTimestamp", "ActiveEnterTimestamp", "InactiveEnterTimestamp", "ConditionResult", "AssertResult"],
  ...["MainPID", "ExecMainStartTimestamp", "ExecMainExitTimestamp", "ExecMainCode", "ExecMainStatus"],
  ...[
    "MemoryCurrent",
    "MemoryPeak",
    "MemoryMax",
    "TasksCurrent",
    "CPUUsageNSec",
    "ControlGroup",
    "FragmentPath",
    "DropInPaths",
  ],
];

const GROUP_FILES = [
  ...["memory.current", "memory.peak", "memory.max", "memory.events", "memory.pressure", "memory.swap.current"],
  ...["cpu.stat", "cpu.pressure", "io.pressure", "pids.current", "pids.max", "cgroup.events"],
];
const GROUP_FILE_BYTES = 16 * 1024;
/** Ours, and a few levels of a build's: what is below counts in it. */
const GROUPS_MAX = 200;

export function unitCollectors(cgroupRoot = "/sys/fs/cgroup"): readonly Collector[] {
  return [
    program(
      "units/show.txt",
      "states of our units",
      "systemctl",
      "show",
      "--no-pager",
      `--property=${PROPERTIES.join(",")}`,
      "--",
      ...OUR_UNITS,
    ),
    program(
      "units/failed.txt",
      "units that failed, of the whole machine",
      "systemctl",
      "list-units",
      "--failed",
      "--no-pager",
      "--plain",
    ),
    {
      kind: "document",
      path: "units/cgroups.txt",
      what: "memory, processor and tasks of our control groups",
      maxBytes: 1024 * 1024,
      collect: (signal) => groupsBelow(cgroupRoot, ["agent.slice", "builds.slice"], signal),
    },
  ];
}

/** One after the other: on a busy machine what there is by then is worth more than nothing. */
async function* groupsBelow(
  root: string,
  names: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const waiting = [...names];
  let told = 0;
  for (let group = waiting.shift(); group !== undefined && told < GROUPS_MAX; group = waiting.shift()) {
    signal.throwIfAborted();
    yield Buffer.from(await facts(root, group));
    told += 1;
    const below = await readdir(`${root}/${group}`, { withFileTypes: true }).catch(() => []);
    waiting.push(...below.filter((entry) => entry.isDirectory()).map(({ name }) => `${group}/${name}`));
  }
}

async function facts(root: string, group: string): Promise<string> {
  const lines = await Promise.all(
    GROUP_FILES.map(async (file) => {
      const text = await readHead(`${root}/${group}/${file}`, GROUP_FILE_BYTES).catch(() => undefined);
      return text === undefined ? "" : `${file}: ${text.toString("utf8").trim().replaceAll("\n", "; ")}\n`;
    }),
  );
  const known = lines.join("");
  return known === "" ? `# ${group}: there is none\n` : `# ${group}\n${known}`;
}
