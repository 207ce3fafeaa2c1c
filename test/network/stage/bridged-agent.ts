import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { toToml } from "../../../agent/adapters/buildkit/toml.ts";
import { systemClock } from "../../../agent/adapters/clock/system-clock.ts";
import { askedBuildkit } from "../../../agent/adapters/launcher/asked-buildkit.ts";
import { askedNetwork } from "../../../agent/adapters/network/asked-network.ts";
import { type Layout, layoutOf } from "../../../agent/cli/layout.ts";
import { buildkitConfig } from "../../../agent/core/buildkit-config.ts";
import type { AppliedNetwork, IsolationReport, NetworkOrder } from "../../../agent/core/network/order.ts";
import type { BuildkitUnit } from "../../../agent/ports/buildkit.ts";
import type { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import { CertificateAuthority } from "../../../sandbox/pki/certificate-authority.ts";
import { eventually, tool } from "../../buildkit/real-buildkit.ts";
import { DEFAULTS } from "../../buildkit/settings.ts";
import { openOrder } from "./orders.ts";

const PROGRAM = fileURLToPath(new URL("../../../dist/agent/cli/main.js", import.meta.url));
const { signal } = new AbortController();

/**
 * `builder-agent run` in a namespace, its builds with a bridge there. Its control plane is not
 * there: network and BuildKit are ours to order.
 */
export class BridgedAgent implements AsyncDisposable {
  readonly layout: Layout;
  readonly unit: BuildkitUnit;
  readonly lines: Record<string, unknown>[] = [];
  readonly #process: ChildProcess;
  readonly #dir: string;

  private constructor(dir: string, process: ChildProcess) {
    this.#dir = dir;
    this.#process = process;
    this.layout = layoutAt(dir);
    this.unit = askedBuildkit(this.layout.managerSocket, systemClock());
    if (process.stdout !== null)
      createInterface({ input: process.stdout }).on("line", (line) =>
        this.lines.push(line.startsWith("{") ? (JSON.parse(line) as Record<string, unknown>) : { line }),
      );
  }

  /** `dir`: its own, and its owner's to delete. `more`: flags. */
  static async start(
    dir: string,
    machine: NetworkNamespace,
    more: Readonly<Record<string, string>> = {},
  ): Promise<BridgedAgent> {
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
      "paths-cache-dir": join(dir, "cache"),
      "buildkit-binary": tool("buildkitd"),
      "buildkit-bbolt": tool("bbolt"),
      "buildkit-runc": tool("runc"),
      "buildkit-cni-binary-dir": dirname(tool("cniPtp")),
      ...more,
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const entered = machine.enter(process.execPath, [PROGRAM, "run", ...args]);
    const child = spawn(entered.command, entered.args, { stdio: ["pipe", "pipe", "inherit"] });
    const agent = new BridgedAgent(dir, child);
    await eventually(() => agent.lines.some(({ event }) => event === "launcher.started"), "the launcher starts");
    return agent;
  }

  order(changes: Partial<NetworkOrder> = {}): Promise<AppliedNetwork> {
    return askedNetwork(this.layout.networkSocket).apply(openOrder(changes), signal);
  }

  verify(): Promise<IsolationReport> {
    return askedNetwork(this.layout.networkSocket).verify(signal);
  }

  /** BuildKit configured, started, answering. */
  async up(): Promise<void> {
    const { buildkitRoot, buildkitSocket, buildkitTraceSocket, buildkitDebugSocket, networkConflist } = this.layout;
    const places = {
      rootDir: buildkitRoot,
      socketPath: buildkitSocket,
      traceSocketPath: buildkitTraceSocket,
      debugSocketPath: buildkitDebugSocket,
      runc: tool("runc"),
      cniConfigPath: networkConflist,
      cniBinaryDir: dirname(tool("cniPtp")),
      snapshotter: "auto" as const,
    };
    await this.unit.configure(toToml(buildkitConfig(DEFAULTS, 20e9, places).config), signal);
    await this.unit.start(signal);
    await eventually(() => this.#buildctl("debug", "workers").then(Boolean, () => false), "buildkitd answers");
  }

  /**
   * What a step said that runs these words in a shell of busybox. Rejects with all that buildctl
   * said.
   */
  async step(script: string): Promise<string> {
    const context = join(this.#dir, "context");
    await mkdir(context, { recursive: true });
    await copyFile(tool("busybox"), join(context, "busybox"));
    const run = `RUN ${JSON.stringify(["/bin/busybox", "sh", "-c", script])}`;
    await writeFile(join(context, "Dockerfile"), ["FROM scratch", "COPY busybox /bin/busybox", run].join("\n"));
    const local = ["--local", `context=${context}`, "--local", `dockerfile=${context}`];
    const said = await this.#buildctl(
      "build",
      "--progress",
      "plain",
      "--no-cache",
      "--frontend",
      "dockerfile.v0",
      ...local,
    );
    return said
      .split("\n")
      .flatMap((line) => /^#\d+ [\d.]+ (.*)$/.exec(line)?.[1] ?? [])
      .join("\n");
  }

  async #buildctl(...args: readonly string[]): Promise<string> {
    const all = ["--addr", `unix://${this.layout.buildkitSocket}`, ...args];
    const { stdout, stderr } = await promisify(execFile)(tool("buildctl"), all, { timeout: 45_000 });
    return stdout + stderr;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const closed = once(this.#process, "close");
      this.#process.kill("SIGTERM");
      await closed;
    }
  }
}

export function layoutAt(dir: string): Layout {
  return layoutOf({ stateDir: join(dir, "state"), runtimeDir: join(dir, "run"), cacheDir: join(dir, "cache") });
}
