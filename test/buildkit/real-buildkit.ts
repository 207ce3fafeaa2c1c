import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { CacheKeeper } from "../../agent/adapters/buildkit/cache-keeper.ts";
import { BuildkitDaemon } from "../../agent/adapters/buildkit/daemon.ts";
import { GrpcBuildkitProbe } from "../../agent/adapters/buildkit/probe.ts";
import { toToml } from "../../agent/adapters/buildkit/toml.ts";
import { layoutOf } from "../../agent/cli/layout.ts";
import { type BuildkitPlaces, buildkitConfig } from "../../agent/core/buildkit-config.ts";
import type { BuildkitSettings } from "../../agent/core/desired-state.ts";
import { CollectedLog } from "../keys/collected-log.ts";
import { DEFAULTS } from "./settings.ts";

const TOOLCHAIN = new URL("../../dist/toolchain.json", import.meta.url);
const NEEDED = ["buildkitd", "buildctl", "bbolt", "runc", "busybox", "cniPtp"] as const;

/**
 * Why the real buildkitd cannot run here; undefined when it can. For `skip(reason)`. @throws
 * {Error} where this machine has not been set up.
 */
export function whyNoBuildkit(): string | undefined {
  if (process.getuid?.() !== 0) return "buildkitd needs root";
  const known = existsSync(TOOLCHAIN) ? tools() : {};
  const missing = NEEDED.filter((name) => !existsSync(known[name] ?? ""));
  if (missing.length > 0)
    throw new Error(`Not set up: ${missing.join(", ")}. Run node tools/setup.mjs test, as npm test does.`);
  return undefined;
}

function tools(): Readonly<Record<string, string>> {
  return JSON.parse(readFileSync(TOOLCHAIN, "utf8")) as Record<string, string>;
}

export function tool(name: string): string {
  const path = tools()[name];
  if (path === undefined) throw new Error(`${name} is not in dist/toolchain.json`);
  return path;
}

/** One instance with a directory, a socket and a log of its own. */
export class RealBuildkit implements AsyncDisposable {
  readonly dir: string;
  readonly cacheDir: string;
  readonly places: BuildkitPlaces;
  readonly configFile: string;
  readonly preparedFile: string;
  readonly binary = tool("buildkitd");
  readonly log = new CollectedLog();
  readonly cache: CacheKeeper;
  readonly unit: BuildkitDaemon;
  readonly probe: GrpcBuildkitProbe;
  /** Of the machine that it takes itself to be on. */
  bootId = "boot-1";
  readonly #owned: Disposable[] = [];

  private constructor(dir: string) {
    this.dir = dir;
    this.cacheDir = join(dir, "cache");
    const { buildkitSocket, buildkitTraceSocket, buildkitConfigFile, buildkitPrepared, cniConfigFile, buildkitRoot } =
      layoutOf({ stateDir: join(dir, "state"), runtimeDir: join(dir, "run"), cacheDir: this.cacheDir });
    this.configFile = buildkitConfigFile;
    this.preparedFile = buildkitPrepared;
    this.places = {
      rootDir: buildkitRoot,
      socketPath: buildkitSocket,
      traceSocketPath: buildkitTraceSocket,
      runc: tool("runc"),
      cniConfigPath: cniConfigFile,
      cniBinaryDir: dirname(tool("cniPtp")),
      snapshotter: "auto",
    };
    this.cache = new CacheKeeper({
      places: this.places,
      cacheDir: this.cacheDir,
      preparedFile: this.preparedFile,
      bbolt: tool("bbolt"),
      bootId: async () => this.bootId,
      log: this.log,
    });
    this.unit = new BuildkitDaemon({
      binary: this.binary,
      configFile: this.configFile,
      places: this.places,
      cache: this.cache,
      log: this.log,
    });
    this.probe = new GrpcBuildkitProbe(this.places.socketPath);
  }

  static async make(): Promise<RealBuildkit> {
    return new RealBuildkit(await mkdtemp(join(tmpdir(), "buildkit-")));
  }

  /** Disposed with this, when the daemon has gone. */
  own<T extends Disposable>(thing: T): T {
    this.#owned.push(thing);
    return thing;
  }

  toml(settings: Partial<BuildkitSettings> = {}): string {
    return toToml(buildkitConfig({ ...DEFAULTS, ...settings }, 20e9, this.places).config);
  }

  /** Configured, started, answering. */
  async up(): Promise<{ readonly pid: number }> {
    const { signal } = new AbortController();
    await this.unit.configure(this.toml(), signal);
    await this.unit.start(signal);
    return this.answering();
  }

  async answering(): Promise<{ readonly pid: number }> {
    await this.probeUntilAnswer();
    for await (const status of this.unit.statuses(AbortSignal.timeout(10_000)))
      if (status.at === "running") return { pid: status.pid };
    throw new Error("It does not run");
  }

  async probeUntilAnswer(): Promise<void> {
    const answers = (): Promise<boolean> =>
      this.probe.listWorkers(new AbortController().signal).then(
        () => true,
        () => false,
      );
    await eventually(answers, "buildkitd answers").catch(async (cause: unknown) => {
      const { value: now } = await this.unit.statuses(new AbortController().signal).next();
      const logged = this.log.lines.slice(-10).map((line) => JSON.stringify(line));
      throw new Error([`buildkitd does not answer. It is ${JSON.stringify(now)}`, ...logged].join("\n"), { cause });
    });
  }

  /**
   * Builds `FROM scratch` with busybox and these lines of a Dockerfile, every step anew; rejects
   * with buildctl's output.
   */
  build(lines: readonly string[], args: readonly string[] = []): Promise<string> {
    return this.buildFromCache(lines, ["--no-cache", ...args]);
  }

  /** The same with what is in the cache, cache mounts included. */
  async buildFromCache(lines: readonly string[], args: readonly string[] = []): Promise<string> {
    const context = join(this.dir, "context");
    await mkdir(context, { recursive: true });
    await copyFile(tool("busybox"), join(context, "busybox"));
    await writeFile(join(context, "Dockerfile"), ["FROM scratch", "COPY busybox /bin/busybox", ...lines].join("\n"));
    const { stdout, stderr } = await promisify(execFile)(tool("buildctl"), [
      ...["--addr", `unix://${this.places.socketPath}`, "build", "--progress", "plain"],
      ...["--frontend", "dockerfile.v0", "--local", `context=${context}`, "--local", `dockerfile=${context}`],
      ...args,
    ]);
    return stdout + stderr;
  }

  /**
   * What is left of it on the machine: processes that name its directory, mounts below it, its
   * sockets.
   */
  async remains(): Promise<readonly string[]> {
    const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n").filter((line) => line.includes(this.dir));
    const sockets = [this.places.socketPath, this.places.traceSocketPath].filter((path) => existsSync(path));
    return [...mounts, ...sockets, ...(await commandsNaming(this.dir))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.probe[Symbol.dispose]();
    await this.unit[Symbol.asyncDispose]();
    for (const thing of this.#owned.toReversed()) thing[Symbol.dispose]();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Command lines of living processes (a zombie has none) that hold `text`. */
export async function commandsNaming(text: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const all = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return all.map((command) => command.replaceAll("\0", " ")).filter((command) => command.includes(text));
}

/** Polls until it holds. */
export async function eventually(
  holds: () => Promise<boolean> | boolean,
  what: string,
  limitMs = 30_000,
): Promise<void> {
  for (const until = Date.now() + limitMs; !(await holds()); ) {
    if (Date.now() > until) throw new Error(`Not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
