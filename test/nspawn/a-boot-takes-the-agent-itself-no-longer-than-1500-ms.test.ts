import { expect, it } from "vitest";
import type { BootChapter } from "../../agent/core/boot-chapters.ts";
import { takeBoot } from "../../bench/start/boot/boots.ts";
import { boot } from "../../bench/start/boot/chapters.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();
const CONTROL = "builder-agent-control.service";
const OURS = ["builder-agent.socket", "builder-agent-volume.socket", "builder-agent-gateway.service", CONTROL] as const;

/** The agent's own share of a boot, without BuildKit and without a volume's format. */
const BOOT_BAR_MS = 1_500;
const BOOTS = 5;
const MOST_WAITED_FOR = 4;
const BESIDE = " (beside)";

/**
 * Of a boot in which the agent's processes could have had a core and did not, because others had
 * them all: it proves nothing.
 */
const STARVED_MS = 200;

interface Boot {
  /** From the start of the first unit of ours to ready. */
  readonly ownMs: number;
  /** "full" of its slice's pressure, until after that (Documentation/accounting/psi.rst). */
  readonly starvedMs: number;
  readonly chapters: Readonly<Record<string, number>>;
}

/**
 * In which BuildKit or the cache alone was waited for: the guard is put up beside the cache, and
 * tried beside BuildKit.
 */
function othersMs(chapters: readonly BootChapter[]): number {
  const of = (wanted: BootChapter["name"]): BootChapter => {
    const chapter = chapters.find(({ name }) => name === wanted);
    if (chapter === undefined) throw new Error(`No chapter is called ${wanted}`);
    return chapter;
  };
  const [network, buildkit] = [of("network"), of("buildkit")];
  return buildkit.tookMs + Math.max(0, buildkit.beganMs - network.beganMs - network.tookMs);
}

async function lastBoot(): Promise<Boot> {
  const { container } = machine();
  const starts = await Promise.all(
    OURS.map(async (unit) => {
      const asked = "InactiveExitTimestampMonotonic";
      return Number((await container.show(unit, asked))[asked]) / 1_000;
    }),
  );
  const first = Math.min(...starts);
  const ready = await machine().untilEntry(CONTROL, "agent.ready", first);
  // BuildKit's, too: the step that it has to run before a build may come.
  const step = await machine().untilEntry(CONTROL, "buildkit.step-ran", first);
  const pressure = await container.run("cat", ["/sys/fs/cgroup/agent.slice/cpu.pressure"]).catch(() => "");
  const chapters = ready.data["chapters"] as readonly BootChapter[];
  return {
    ownMs: Math.round(ready.monoMs - first - othersMs(chapters) - Number(step.data["tookMs"])),
    chapters: Object.fromEntries(chapters.map(({ name, tookMs }) => [name, tookMs])),
    starvedMs: Math.round(Number(/^full .*total=(\d+)$/m.exec(pressure)?.[1] ?? 0) / 1_000),
  };
}

it("is ready within 1.5 s of its first unit's start, but for BuildKit's and the cache's", {
  timeout: 180_000,
}, async ({ skip }) => {
  const boots = [await lastBoot()];
  while (boots.every(({ ownMs }) => ownMs >= BOOT_BAR_MS) && boots.length < BOOTS) {
    await machine().reboot();
    boots.push(await lastBoot());
  }
  console.log(`the agent's own share of a boot: ${JSON.stringify(boots)}`);
  // What noise there is only ever adds: one boot under the bar proves it.
  const best = Math.min(...boots.map(({ ownMs }) => ownMs));
  if (best >= BOOT_BAR_MS && boots.every(({ starvedMs }) => starvedMs >= STARVED_MS))
    skip("others had this machine's cores during each of five boots");
  expect(best).toBeLessThan(BOOT_BAR_MS);
});

it("waits for four Node processes, and starts two more beside them that try the builds' network", {
  timeout: 180_000,
}, async () => {
  const boots: string[][] = [];
  const waitedFor = (starts: readonly string[]): number => starts.filter((start) => !start.endsWith(BESIDE)).length;
  do {
    const { nodeStarts } = boot(await takeBoot(machine(), new AbortController().signal));
    boots.push(nodeStarts.map(({ command, onPath }) => (onPath ? command : command + BESIDE)));
    // On a machine that is very busy a trial comes too late, and is tried again.
  } while (waitedFor(boots.at(-1) ?? []) > MOST_WAITED_FOR && boots.length < BOOTS);
  const starts = boots.at(-1) ?? [];
  console.log(`Node started in a boot: ${starts.join(", ")}`);
  // A power cut before may have cost a cache, whose remains are swept once BuildKit is up.
  const others = starts.map((start) => start.replace(BESIDE, "")).filter((start) => start !== "buildkit sweep");
  expect([...new Set(others)].toSorted()).toEqual([
    ...["buildkit prepare", "control", "gateway", "network probe", "network serve"],
  ]);
  expect(waitedFor(starts)).toBeLessThanOrEqual(MOST_WAITED_FOR);
});

it("starts from what Node compiled as the package was installed, which root alone may write", async () => {
  const compiled = "/usr/lib/builder-agent/compiled";
  const writable = ["-c", `find ${compiled} ! -type l \\( ! -user root -o -perm /022 \\)`];
  expect(await machine().container.run("sh", writable)).toBe("");
  const as = (user: string): Promise<string> =>
    machine().container.run("setpriv", [
      ...[`--reuid=${user}`, "--clear-groups", "env", "NODE_DEBUG_NATIVE=COMPILE_CACHE"],
      ...[
        "sh",
        "-c",
        "/usr/lib/builder-agent/node/bin/node /usr/lib/builder-agent/agent/cli/main.js control 2>&1 || true",
      ],
    ]);
  for (const user of ["builder-control", "builder-gateway"]) expect(await as(user)).toMatch(/cache.* was accepted/);
});
