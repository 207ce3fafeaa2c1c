import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CacheKeeper } from "../../agent/adapters/buildkit/cache-keeper.ts";
import { BuildkitDaemon } from "../../agent/adapters/buildkit/daemon.ts";
import { layoutOf } from "../../agent/cli/layout.ts";
import { CollectedLog } from "../keys/collected-log.ts";

const { signal } = new AbortController();

describe("a stop while buildkitd is being started", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "start-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  /** A unit whose preparation goes on until it is told to end. */
  async function unitThatStarts(prepare: (signal: AbortSignal) => Promise<string>): Promise<BuildkitDaemon> {
    const cacheDir = join(dir, "cache");
    const layout = layoutOf({ stateDir: join(dir, "state"), runtimeDir: join(dir, "run"), cacheDir });
    await mkdir(dirname(layout.buildkitConfigFile), { recursive: true });
    await writeFile(layout.buildkitConfigFile, "");
    const log = new CollectedLog();
    const places = {
      rootDir: layout.buildkitRoot,
      socketPath: layout.buildkitSocket,
      traceSocketPath: layout.buildkitTraceSocket,
      runc: "runc",
      cniConfigPath: layout.cniConfigFile,
      cniBinaryDir: dir,
      snapshotter: "auto",
    } as const;
    return new BuildkitDaemon({
      binary: "/bin/false",
      configFile: layout.buildkitConfigFile,
      places,
      cache: new CacheKeeper({
        places,
        cacheDir,
        preparedFile: layout.buildkitPrepared,
        bbolt: "bbolt",
        bootId: async () => "boot-1",
        log,
      }),
      network: { ensure: async () => undefined, prepare, resolvConf: "/etc/resolv.conf", program: "/dev/null" },
      log,
    });
  }

  const untilAborted = (given: AbortSignal): Promise<never> =>
    new Promise((_, reject) => given.addEventListener("abort", () => reject(given.reason as Error), { once: true }));

  const failure = (start: Promise<void>): Promise<unknown> =>
    start.then(
      () => "started",
      (err: unknown) => err,
    );

  it("does not wait for the preparation, and nothing runs afterwards", async () => {
    const unit = await unitThatStarts(untilAborted);
    const starting = failure(unit.start(signal));
    await unit.stop(10_000, signal);
    expect(await starting).toMatchObject({ code: "buildkit.cannot-start" });
    expect(await unit.statuses(signal).next()).toMatchObject({ value: { at: "stopped" } });
  });

  it("also ends a start that waits for its turn", async () => {
    let prepared = 0;
    const unit = await unitThatStarts((given) => {
      prepared += 1;
      return untilAborted(given);
    });
    const starts = [unit.start(signal), unit.start(signal)].map(failure);
    await unit.stop(10_000, signal);
    for (const ended of await Promise.all(starts)) expect(ended).toMatchObject({ code: "buildkit.cannot-start" });
    expect(prepared).toBeLessThanOrEqual(1);
  });
});
