import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { askedBuildkit } from "../../agent/adapters/launcher/asked-buildkit.ts";
import type { BuildkitUnit } from "../../agent/ports/buildkit.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { eventually, RealBuildkit, tool } from "../buildkit/real-buildkit.ts";

const PROGRAM = fileURLToPath(new URL("../../dist/agent/cli/main.js", import.meta.url));
const { signal } = new AbortController();

/**
 * `builder-agent run` as a process, with a control plane that is not there: so BuildKit is ours to
 * start, over the launcher's socket.
 */
export class RealAgent implements AsyncDisposable {
  readonly buildkit: RealBuildkit;
  readonly process: ChildProcess;
  /** What it and its children have logged. */
  readonly lines: Record<string, unknown>[] = [];
  readonly unit: BuildkitUnit;

  private constructor(buildkit: RealBuildkit, process: ChildProcess) {
    this.buildkit = buildkit;
    this.process = process;
    this.unit = askedBuildkit(join(buildkit.dir, "run", "manager.sock"), systemClock());
    if (process.stdout !== null)
      createInterface({ input: process.stdout }).on("line", (line) =>
        this.lines.push(line.startsWith("{") ? (JSON.parse(line) as Record<string, unknown>) : { line }),
      );
  }

  /** `listeningFd` becomes its descriptor 3. */
  static async start(env: NodeJS.ProcessEnv = {}, listeningFd?: number): Promise<RealAgent> {
    const buildkit = await RealBuildkit.make();
    const { dir, places, binary } = buildkit;
    await mkdir(join(dir, "run"), { recursive: true, mode: 0o700 });
    await writeFile(join(dir, "ca.pem"), (await CertificateAuthority.create({ name: "Nobody's" })).certPem);
    await writeFile(join(dir, "token"), "spent");
    const options = {
      "control-plane-endpoint": "127.0.0.1:1",
      "control-plane-ca-file": join(dir, "ca.pem"),
      "identity-kind": "join-token",
      "identity-token-file": join(dir, "token"),
      "gateway-listen": "127.0.0.1:0",
      "health-listen": "127.0.0.1:0",
      "paths-state-dir": join(dir, "state"),
      "paths-runtime-dir": join(dir, "run"),
      "paths-cache-dir": dirname(places.rootDir),
      "buildkit-binary": binary,
      "buildkit-bbolt": tool("bbolt"),
      "buildkit-debug-socket": "false",
      "buildkit-runc": places.runc,
      "buildkit-cni-binary-dir": places.cniBinaryDir,
      "network-mode": "none",
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const child = spawn(process.execPath, [PROGRAM, "run", ...args], {
      stdio: ["pipe", "pipe", "inherit", ...(listeningFd === undefined ? [] : [listeningFd])],
      env: { ...process.env, ...env },
    });
    const agent = new RealAgent(buildkit, child);
    await eventually(() => agent.lines.some((line) => line["event"] === "agent.started"), "control is at work");
    return agent;
  }

  /** The pid of the newest run of a child. */
  childPid(child: "gateway" | "control"): number | undefined {
    const starts = this.lines.filter((line) => line["event"] === "launcher.child-started" && line["child"] === child);
    return starts.at(-1)?.["childPid"] as number | undefined;
  }

  /** Starts buildkitd as control would; its pid. */
  async startBuildkit(): Promise<number> {
    await this.unit.configure(this.buildkit.toml(), signal);
    await this.unit.start(signal);
    await this.buildkit.probeUntilAnswer();
    return this.buildkitPid();
  }

  async buildkitPid(): Promise<number> {
    for await (const status of this.unit.statuses(AbortSignal.timeout(10_000)))
      if (status.at === "running") return status.pid;
    throw new Error("buildkitd does not run");
  }

  async ended(): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, "exit");
    return this.process.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.ended();
    await eventually(async () => (await this.buildkit.remains()).every((one) => one.includes("sock")), "it is gone");
    // They end by themselves, and write until then.
    const children = [this.childPid("gateway"), this.childPid("control")];
    await eventually(
      async () => !children.some((pid) => pid !== undefined && existsSync(`/proc/${pid}`)),
      "so are they",
    );
    await this.buildkit[Symbol.asyncDispose]();
  }
}
