import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BuildPermission } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { processesNaming } from "../journeys/stage/processes.ts";
import type { Stage } from "../journeys/stage/stage.ts";
import { largestOn, useOf } from "./disks.ts";
import { vmOf } from "./faults/machine.ts";
import { type Sample, sampleAll } from "./gauge.ts";
import type { Breach } from "./timeline.ts";

const NOTHING_LEFT = "No process, mount, link, table, namespace, socket or key is left over";
const DISK_BACK = "Once its cache is pruned, a disk is as full as it was";

const LOOK_EVERY_MS = 2_000;
/** BuildKit's own databases, which do not shrink; and records that have no reader any more. */
const MORE_KIB = 48 * 1_024;

/** What there is of a machine that builds nothing. */
export interface Idle {
  /** Kinds of things, and a line for each thing. */
  readonly things: Readonly<Record<string, readonly string[]>>;
  readonly usedKib: Readonly<Record<string, number>>;
  /** For whoever asks by what. */
  readonly largest: Readonly<Record<string, readonly string[]>>;
  readonly samples: readonly Sample[];
}

/** Prunes first: what is cached belongs to no build. */
export async function idleOf(stage: Stage, mark: string): Promise<Idle> {
  await pruned(stage);
  return lookedAt(stage, mark);
}

/**
 * The same, once it is as it was before: BuildKit clears up behind a build's back. What it has not
 * cleared up by the deadline is judged as left.
 */
export async function idleAgain(
  stage: Stage,
  mark: string,
  isAsBefore: (now: Idle) => boolean,
  deadlineMs: number,
): Promise<Idle> {
  await pruned(stage);
  for (const untilMs = Date.now() + deadlineMs; ; await sleep(LOOK_EVERY_MS)) {
    const now = await lookedAt(stage, mark);
    if (isAsBefore(now) || Date.now() > untilMs) return now;
  }
}

async function lookedAt(stage: Stage, mark: string): Promise<Idle> {
  const vm = vmOf(stage);
  const within = [stage.workDir, stage.runtimeDir];
  const own = (await Promise.all([mark, ...within].map((text) => processesNaming(text)))).flat();
  const processes = new Map(own.map(({ pid, words }) => [pid, programOf(words)]));
  const mounts = (await readFile(`/proc/${vm.pid}/mountinfo`, "utf8")).split("\n");
  const things = {
    processes: [...processes.values()],
    mounts: mounts.flatMap((line) => mountPoint(line, within)),
    links: lines(await vm.run("ip", ["-oneline", "link"])).map((line) => kindOfLink(line)),
    tables: lines(await vm.run("nft", ["list", "tables"])),
    sockets: (await filesIn(stage.runtimeDir, (entry) => entry.isSocket())).map(ofAnySeat),
    keys: await keysOnDisk(join("/proc", `${vm.pid}`, "root", stage.workDir)),
  };
  const usedKib = {
    cache: (await useOf(vm, stage.workDir, "cache")).usedKib,
    state: (await useOf(vm, stage.workDir, "state")).usedKib,
  };
  const largest = {
    cache: await largestOn(vm, stage.workDir, "cache"),
    state: await largestOn(vm, stage.workDir, "state"),
  };
  return { things, usedKib, largest, samples: await sampleAll(stage) };
}

async function pruned(stage: Stage): Promise<void> {
  const permissions = [BuildPermission.BUILD, BuildPermission.PRUNE];
  const build = await stage.openBuild({ permissions });
  try {
    await using client = stage.buildctl(build, ["prune", "--all"]);
    await client.succeeds();
  } finally {
    stage.plane.endBuild(build.buildId);
  }
}

/** A step has them while it runs, one of an idle machine that looks at its BuildKit as well. */
const OF_A_STEP: ReadonlySet<string> = new Set(["links", "namespaces"]);

/** What is there now, and was not: as many of a kind as are too many. */
export function judgeIdle(before: Idle, after: Idle): readonly Breach[] {
  const left = Object.entries(after.things).flatMap(([kind, things]) => {
    const usual = [...(before.things[kind] ?? [])];
    const more = things.filter((thing) => {
      const at = usual.indexOf(thing);
      if (at >= 0) usual.splice(at, 1);
      return at < 0;
    });
    const gone = OF_A_STEP.has(kind) ? [] : usual;
    return [...more.map((thing) => `${kind}: ${thing} is left`), ...gone.map((thing) => `${kind}: ${thing} is gone`)];
  });
  const full = Object.entries(after.usedKib).flatMap(([disk, now]) => {
    const first = before.usedKib[disk] ?? 0;
    return now > first + MORE_KIB
      ? [`${disk}: ${now} KiB are in use; at first ${first} KiB; ${after.largest[disk]?.join(", ")}`]
      : [];
  });
  return [
    ...left.map((because) => ({ promise: NOTHING_LEFT, because })),
    ...full.map((because) => ({ promise: DISK_BACK, because })),
  ];
}

/** Without what differs from one start to the next. */
export function programOf(words: readonly string[]): string {
  return words.filter((word) => !/^\d+$/.test(word)).join(" ");
}

function mountPoint(line: string, within: readonly string[]): readonly string[] {
  const at = line.split(" ")[4];
  return at !== undefined && within.some((dir) => at.startsWith(dir)) ? [at] : [];
}

/** "7: veth3c@if2: <…" → "veth": which cable it is, chance has decided. */
export function kindOfLink(line: string): string {
  const name = /^\d+: ([^:@]+)/.exec(line)?.[1] ?? line;
  return name.replace(/[0-9a-f]{4,}$/, "…");
}

export function lines(text: string): readonly string[] {
  return text.split("\n").filter(Boolean);
}

/** Which of a gateway's places the present one has, replacements have decided. */
function ofAnySeat(socket: string): string {
  return socket.replace(/gateway-\d\.sock$/, "gateway.sock");
}

type Entry = { readonly name: string; readonly parentPath: string; isSocket(): boolean; isFile(): boolean };

async function filesIn(dir: string, matches: (entry: Entry) => boolean): Promise<readonly string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter(matches).map(({ parentPath, name }) => join(parentPath, name));
}

/** Files on the machine's disk that hold a private key: there may be none at any time. */
async function keysOnDisk(workDir: string): Promise<readonly string[]> {
  const files = await filesIn(workDir, (entry) => entry.isFile());
  const held = await Promise.all(
    files.map(async (file) =>
      (await readFile(file, "latin1").catch(() => "")).includes("PRIVATE KEY-----") ? [file] : [],
    ),
  );
  return held.flat();
}
