import { execFile } from "node:child_process";
import { chmod, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, describe, expect, it } from "vitest";
import { admission } from "../../agent/core/admission.ts";
import { paced } from "../journeys/causes/stage/paced.ts";
import { eventually, RealBuildkit, tool, whyNoBuildkit } from "./real-buildkit.ts";
import { TriedBuildkit } from "./tried-buildkit.ts";

/** From the moment that a step is due, on a quiet machine. */
const NAMED_WITHIN_MS = paced(10_000);
const SILENCE_NAMED_WITHIN_MS = paced(20_000);

const run = promisify(execFile);

/** One whose runc and network plugins are its own, to be broken. */
class BreakableBuildkit {
  readonly bench: RealBuildkit;
  readonly runc: string;
  readonly plugins: string;

  private constructor(bench: RealBuildkit) {
    this.bench = bench;
    this.runc = join(bench.dir, "runc");
    this.plugins = join(bench.dir, "plugins");
    Object.assign(bench.places, { runc: this.runc, cniBinaryDir: this.plugins });
  }

  static async make(bench: RealBuildkit): Promise<BreakableBuildkit> {
    const one = new BreakableBuildkit(bench);
    await mkdir(one.plugins);
    await copyFile(join(dirname(tool("cniPtp")), "loopback"), join(one.plugins, "loopback"));
    await one.mendRunc();
    return one;
  }

  mendRunc(): Promise<void> {
    return this.replaceRunc(`exec ${tool("runc")} "$@"`);
  }

  async replaceRunc(script: string): Promise<void> {
    await writeFile(this.runc, `#!/bin/sh\n${script}\n`);
    await chmod(this.runc, 0o755);
  }

  /** In the mounts that buildkitd sees. */
  async inMounts(...command: readonly string[]): Promise<void> {
    const pid = await this.pid();
    await run("nsenter", ["--mount", "--pid", "--target", String(pid), ...command]);
  }

  async pid(): Promise<number> {
    return (await this.bench.answering()).pid;
  }
}

beforeEach(({ skip }) => {
  const why = whyNoBuildkit();
  if (why !== undefined) skip(why);
});

// Each has a buildkitd of its own, and waits for it most of its time.
describe.concurrent("a BuildKit that answers", () => {
  const causes: readonly {
    readonly cause: string;
    readonly breaks: (it: BreakableBuildkit) => Promise<void>;
    readonly mends: (it: BreakableBuildkit) => Promise<void>;
    readonly says: RegExp;
    readonly remedy: RegExp;
  }[] = [
    {
      cause: "whose runc ends with an error",
      breaks: (it) => it.replaceRunc("echo broken >&2; exit 3"),
      mends: (it) => it.mendRunc(),
      says: /^runc does not run a step/,
      remedy: /runc --version/,
    },
    {
      cause: "whose runc may not be executed",
      breaks: (it) => chmod(it.runc, 0o644),
      mends: (it) => chmod(it.runc, 0o755),
      says: /^runc does not run a step/,
      remedy: /runc --version/,
    },
    {
      cause: "whose network plugin is gone",
      breaks: (it) => rm(join(it.plugins, "loopback")),
      mends: (it) => copyFile(join(dirname(tool("cniPtp")), "loopback"), join(it.plugins, "loopback")),
      says: /^A step gets no network/,
      remedy: /cniBinaryDir/,
    },
    {
      cause: "whose cache has become read-only",
      breaks: async (it) => {
        const { rootDir } = it.bench.places;
        await it.inMounts("mount", "--bind", rootDir, rootDir);
        await it.inMounts("mount", "-o", "remount,bind,ro", rootDir);
      },
      mends: (it) => it.inMounts("umount", "--lazy", it.bench.places.rootDir),
      says: /^A step's layer cannot be written, the cache's file system is read-only/,
      remedy: /dmesg/,
    },
  ];

  it.each(causes)(
    "$cause is named, lets no build in, and is well again once it is mended",
    async ({ breaks, mends, says, remedy }) => {
      await using bench = await RealBuildkit.make();
      const one = await BreakableBuildkit.make(bench);
      await using tried = new TriedBuildkit(bench);
      await tried.turnsTo("ok", NAMED_WITHIN_MS);
      expect(tried.causes()).toEqual([]);

      await breaks(one);
      tried.session();
      const { message, remedy: whatToDo, blocking } = await tried.turnsTo("failed", NAMED_WITHIN_MS);
      expect(message).toMatch(says);
      expect(whatToDo).toMatch(remedy);
      expect(blocking).toBe(true);
      expect(tried.causes()).toEqual([`buildkit-solve: ${message}`]);
      expect(admission({ at: "ready" }, tried.board.checks.get())).toEqual({
        at: "closed",
        because: `buildkit-solve: ${message}`,
      });
      const told = bench.log.lines.find(({ event }) => event === "buildkit.step-failed");
      expect(String(told?.data["err"])).toMatch(/BuildKit at \S+ did not run a step: \S/);

      await mends(one);
      await tried.turnsTo("ok", 20_000);
      expect(bench.log.events().filter((event) => event === "buildkit.step-ran")).toHaveLength(2);
    },
  );

  it("fails once and runs the next step: nobody is turned away", async () => {
    await using bench = await RealBuildkit.make();
    const one = await BreakableBuildkit.make(bench);
    await using tried = new TriedBuildkit(bench);
    await tried.turnsTo("ok", NAMED_WITHIN_MS);
    // The first that runs mends it.
    await one.replaceRunc(`if [ -e "$0.tried" ]; then exec ${tool("runc")} "$@"; fi; : >"$0.tried"; exit 3`);
    tried.session();
    await eventually(() => tried.tried.length === 3, "three tries");
    expect(tried.tried).toEqual(["ran", "failed", "ran"]);
    expect(tried.check().state).toBe("ok");
    const turns = bench.log.lines.filter(({ data }) => data["check"] === "buildkit-solve");
    expect(turns.map(({ event }) => event)).toEqual(["check.passed"]);
  });

  it("keeps no layer, no history and no word of the steps that it was asked for", async () => {
    await using bench = await RealBuildkit.make();
    await using tried = new TriedBuildkit(bench);
    await tried.turnsTo("ok", NAMED_WITHIN_MS);
    await bench.build(['RUN ["/bin/busybox","true"]']);
    const before = await cached(bench);
    expect(before).toBeGreaterThan(0);
    const lines = bench.log.lines.length;
    for (let count = 2; count <= 6; count += 1) {
      tried.session();
      await eventually(() => tried.tried.length === count, `${count} tries`);
    }
    expect(tried.tried).toEqual(Array.from({ length: 6 }, () => "ran"));
    await eventually(async () => (await cached(bench)) === before, "only the build's layers are left");
    const { stdout } = await run(tool("buildctl"), [
      "--addr",
      `unix://${bench.places.socketPath}`,
      "debug",
      "histories",
    ]);
    expect(stdout.trim().split("\n")).toHaveLength(2);
    expect(bench.log.lines.slice(lines)).toEqual([]);
  });
});

// After those: how long a silence lasts is judged.
describe.concurrent("a BuildKit that answers", () => {
  it("and whose runc hangs is named as silent, and leaves nothing behind in the next BuildKit", {
    timeout: paced(120_000),
  }, async () => {
    await using bench = await RealBuildkit.make();
    const one = await BreakableBuildkit.make(bench);
    await using tried = new TriedBuildkit(bench);
    await tried.turnsTo("ok", NAMED_WITHIN_MS);
    await one.replaceRunc(`case " $* " in *" run "*) exec sleep 60;; esac; exec ${tool("runc")} "$@"`);
    tried.session();
    expect((await tried.turnsTo("failed", SILENCE_NAMED_WITHIN_MS)).message).toMatch(/^A step does not end/);
    await one.mendRunc();
    await tried.turnsTo("ok", 30_000);
    // BuildKit itself holds what was given up, until it is started anew.
    await bench.unit.stop(5_000, new AbortController().signal);
    await tried.turnsTo("unknown", NAMED_WITHIN_MS);
    await tried.turnsTo("ok", NAMED_WITHIN_MS);
    await eventually(async () => (await cached(bench)) === 0, "no layer is left");
  });

  it("no more is named as silent by its own check, which explains this one", { timeout: paced(60_000) }, async () => {
    await using bench = await RealBuildkit.make();
    const one = await BreakableBuildkit.make(bench);
    await using tried = new TriedBuildkit(bench);
    await tried.turnsTo("ok", NAMED_WITHIN_MS);
    const pid = await one.pid();
    process.kill(pid, "SIGSTOP");
    try {
      await tried.turnsTo("failed", SILENCE_NAMED_WITHIN_MS + 2_000, "buildkit");
      expect(tried.causes()).toHaveLength(1);
      expect(tried.causes()[0]).toMatch(/^buildkit: .*no answer since/);
      expect(tried.check()).toMatchObject({ state: "unknown", causedBy: "buildkit" });
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await tried.turnsTo("ok", NAMED_WITHIN_MS);
  });
});

/** How many records the cache has. */
async function cached(bench: RealBuildkit): Promise<number> {
  const { stdout } = await run(tool("buildctl"), ["--addr", `unix://${bench.places.socketPath}`, "du", "-v"]);
  return stdout.split("\n").filter((line) => line.startsWith("ID:")).length;
}
