import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { toToml } from "../../agent/adapters/buildkit/toml.ts";
import { endOf } from "../../agent/cli/commands/buildkit-ended.ts";
import { layoutOf } from "../../agent/cli/layout.ts";
import { buildkitConfig } from "../../agent/core/buildkit-config.ts";
import { AgentProcess } from "../cli/agent-process.ts";
import { tool, whyNoBuildkit } from "./real-buildkit.ts";
import { DEFAULTS } from "./settings.ts";

describe("builder-agent buildkit", () => {
  let dir: string;
  let layout: ReturnType<typeof layoutOf>;

  beforeEach(async ({ skip }) => {
    const why = whyNoBuildkit();
    if (why !== undefined) skip(why);
    dir = await mkdtemp(join(tmpdir(), "prepare-"));
    layout = layoutOf({ stateDir: join(dir, "state"), runtimeDir: join(dir, "run"), cacheDir: join(dir, "cache") });
    for (const directory of [layout.controlDir, layout.buildkitDir, layout.cacheDir])
      await mkdir(directory, { recursive: true });
  });
  afterEach(async () => rm(dir, { recursive: true, force: true }));

  async function command(name: string, environment: Readonly<Record<string, string>> = {}) {
    await using running = AgentProcess.start(
      [
        ...["buildkit", name, "--paths-state-dir", join(dir, "state"), "--paths-runtime-dir", join(dir, "run")],
        ...[
          "--paths-cache-dir",
          layout.cacheDir,
          "--buildkit-binary",
          tool("buildkitd"),
          "--buildkit-runc",
          tool("runc"),
        ],
        ...["--buildkit-bbolt", tool("bbolt"), "--buildkit-cni-binary-dir", dirname(tool("cniPtp"))],
        ...["--network-mode", "none"],
      ],
      environment,
    );
    return await running.ended;
  }

  function proposal(): string {
    const places = {
      rootDir: layout.buildkitRoot,
      socketPath: layout.buildkitSocket,
      traceSocketPath: layout.buildkitTraceSocket,
      debugSocketPath: layout.buildkitDebugSocket,
      runc: tool("runc"),
      cniConfigPath: layout.cniConfigFile,
      cniBinaryDir: dirname(tool("cniPtp")),
      snapshotter: "auto" as const,
    };
    return toToml(buildkitConfig(DEFAULTS, 20e9, places).config);
  }

  it("prepare puts what control proposes in force, marks the cache as in use, and reports", async () => {
    await writeFile(layout.buildkitProposal, proposal());
    expect(await command("prepare")).toMatchObject({ code: 0, err: "" });
    expect(await readFile(layout.buildkitConfigFile, "utf8")).toContain(layout.buildkitRoot);
    expect(await readFile(layout.buildkitEnvironmentFile, "utf8")).toBe(
      "AWS_EC2_METADATA_DISABLED=true\nNO_GCE_CHECK=true\nBUILDKIT_STEP_LOG_MAX_SIZE=10485760\nBUILDKIT_STEP_LOG_MAX_SPEED=10485760\n",
    );
    expect(existsSync(join(layout.cacheDir, "buildkit-in-use"))).toBe(true);
    expect(JSON.parse(await readFile(layout.buildkitPrepared, "utf8"))).toMatchObject({
      lastEnd: "first",
      configuration: await readFile(layout.buildkitConfigFile, "utf8"),
      network: "none, nor for BuildKit",
    });
  });

  it("prepare refuses with EX_CONFIG what this machine does not allow, says why, and puts nothing in force", async () => {
    await writeFile(layout.buildkitProposal, proposal().replace('"cni"', '"host"'));
    const { code, err } = await command("prepare");
    expect(code).toBe(78);
    expect(err).toContain("networkMode is not what this machine allows");
    expect(existsSync(layout.buildkitConfigFile)).toBe(false);
  });

  it("prepare without a proposal says who has to make one", async () => {
    const { code, err } = await command("prepare");
    expect(code).toBe(69);
    expect(err).toContain("control proposes a configuration there");
  });

  it("ended takes the mark away after a good end alone", async () => {
    await writeFile(layout.buildkitProposal, proposal());
    await command("prepare");
    const mark = join(layout.cacheDir, "buildkit-in-use");
    await command("ended", { SERVICE_RESULT: "signal", EXIT_CODE: "killed", EXIT_STATUS: "KILL" });
    expect(existsSync(mark)).toBe(true);
    await writeFile(join(layout.buildkitRoot, "buildkitd.lock"), "");
    await command("ended", { SERVICE_RESULT: "success", EXIT_CODE: "exited", EXIT_STATUS: "1" });
    expect(existsSync(mark)).toBe(true);
    await rm(join(layout.buildkitRoot, "buildkitd.lock"));
    expect(await command("ended", { SERVICE_RESULT: "success" })).toMatchObject({ code: 0, err: "" });
    expect(existsSync(mark)).toBe(false);
  });

  it("sweep deletes what waits for it", async () => {
    await mkdir(join(layout.cacheDir, "quarantine/2026-01-01T00-00-00.000Z.rest/runc-overlayfs"), { recursive: true });
    expect(await command("sweep")).toMatchObject({ code: 0, err: "" });
    expect(await readdir(join(layout.cacheDir, "quarantine"))).toEqual([]);
  });
});

it.each([
  { SERVICE_RESULT: "success", EXIT_CODE: "exited", EXIT_STATUS: "1", end: "clean" },
  { SERVICE_RESULT: "protocol", EXIT_CODE: "exited", EXIT_STATUS: "1", end: "other" },
  { SERVICE_RESULT: "exit-code", EXIT_CODE: "exited", EXIT_STATUS: "2", end: "crashed" },
  { SERVICE_RESULT: "core-dump", EXIT_CODE: "dumped", EXIT_STATUS: "SEGV", end: "crashed" },
  { SERVICE_RESULT: "signal", EXIT_CODE: "killed", EXIT_STATUS: "KILL", end: "other" },
  { SERVICE_RESULT: "timeout", EXIT_CODE: "killed", EXIT_STATUS: "TERM", end: "other" },
  { SERVICE_RESULT: "exit-code", EXIT_CODE: "", EXIT_STATUS: "", end: "other" },
])("systemd's $SERVICE_RESULT with $EXIT_STATUS is an end that is $end", ({ end, ...environment }) => {
  expect(endOf(environment)).toBe(end);
});
