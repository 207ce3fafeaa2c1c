import { randomBytes } from "node:crypto";
import { copyFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Scope } from "../../../agent/lifecycle/scope.ts";
import { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import type { ControlPlaneOptions } from "../../../sandbox/control-plane/options.ts";
import type { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import type { AgentProcess } from "../../../sandbox/stack/agent-process.ts";
import { makeRuntimeDir } from "../../../sandbox/stack/runtime-dir.ts";
import { TempDir } from "../../../sandbox/stack/temp-dir.ts";
import { readToolchain, type Toolchain } from "../../../sandbox/stack/toolchain.ts";
import type { Uplink } from "../../../sandbox/stack/vm-network.ts";
import { AgentLog } from "./agent-log.ts";
import { proveNothingLeft } from "./nothing-left.ts";
import { type MoreConfig, type StageIdentity, writeStageConfig } from "./stage-config.ts";
import { ownNetwork, type StageNetwork, sharedNetwork } from "./stage-network.ts";

/** Whose machine every stage is. */
export const REF = { org: "acme", project: "app" } as const;

export interface StageOptions {
  readonly plane?: ControlPlaneOptions;
  /** For open builds, when the agent is told to stop by the machine; default 2 s. */
  readonly drainGraceMs?: number;
  /** Default: a join token. */
  readonly identity?: (plane: EmbeddedControlPlane) => StageIdentity;
  /** Default "info". */
  readonly logLevel?: "info" | "debug";
  /** Of the configuration's file, of the command line, and of the environment. */
  readonly config?: MoreConfig;
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** The configuration's section of that name; default: nothing in it. */
  readonly telemetry?: Readonly<Record<string, string>>;
  /**
   * If given, the agent has a network of its own, joined to this, and builds have a bridge in
   * there. Default: this machine's, and builds have none.
   */
  readonly uplink?: Uplink;
  /** Of this machine's loopback: what such an agent also reaches, beside its control plane. */
  readonly offered?: readonly number[];
  /** Before the agent starts. */
  readonly prepare?: (plane: EmbeddedControlPlane) => void;
  /** Likewise: where its state and its cache are going to lie, and the VM, if it has one. */
  readonly prepareDisks?: (workDir: string, vm: NetworkNamespace | undefined, scope: Scope) => Promise<void>;
  /** Default true: the stage is up when the agent is ready. */
  readonly awaitReady?: boolean;
}

export interface StageParts {
  readonly plane: EmbeddedControlPlane;
  readonly log: AgentLog;
  readonly tools: Toolchain;
  readonly healthUrl: string;
  readonly configFile: string;
  /** Configuration, log, state and BuildKit's cache: on a disk, as far as the agent knows. */
  readonly workDir: string;
  /** In memory: the token, sockets, the machine's identity. */
  readonly runtimeDir: string;
  /** What build clients have and get. */
  readonly clientDir: string;
  readonly network: StageNetwork;
  readonly agent: AgentProcess;
  /** Again, once the one before has ended. */
  readonly startAgent: () => Promise<AgentProcess>;
  /** In the command line of each of its build steps. */
  readonly mark: string;
}

/** Starts everything; `scope` then owns it, and proves at its end that nothing is left. */
export async function setUp(options: StageOptions, scope: Scope): Promise<StageParts> {
  const mark = `stage-${randomBytes(4).toString("hex")}`;
  const tools = await readToolchain();
  const runtimeDir = scope.own(await makeRuntimeDir()).path;
  const workDir = scope.own(await TempDir.make(join(tmpdir(), "journey-"))).path;
  const clientDir = scope.own(await TempDir.make(join(tmpdir(), "journey-client-"))).path;
  await mkdir(join(clientDir, "context"));
  await copyFile(tools.busybox, join(clientDir, "context", "busybox"));
  const plane = scope.own(await EmbeddedControlPlane.listen(options.plane));
  const identity = options.identity?.(plane) ?? { kind: "join-token" as const, token: plane.issueJoinToken(REF) };
  options.prepare?.(plane);
  const { drainGraceMs = 2_000, logLevel = "info", telemetry = {}, uplink } = options;
  const network =
    uplink === undefined
      ? await sharedNetwork()
      : await ownNetwork(plane, { uplink, offered: options.offered ?? [] }, scope);
  const { health, mode } = network;
  const settings = { plane, health, networkMode: mode, tools, identity, drainGraceMs, logLevel, telemetry };
  const configFile = await writeStageConfig({ workDir, runtimeDir, ...settings, more: options.config ?? {} });
  const log = new AgentLog(join(workDir, "agent.log"));
  scope.defer(() => proveNothingLeft([mark, workDir, runtimeDir], [workDir, runtimeDir]));
  await options.prepareDisks?.(workDir, network.vm, scope);
  const startAgent = (): Promise<AgentProcess> =>
    network.start({
      ...{ configFile, logFile: log.file, runtimeDir },
      ...(options.args !== undefined && { args: options.args }),
      ...(options.environment !== undefined && { environment: options.environment }),
    });
  const agent = scope.own(await startAgent());
  const healthUrl = `http://${health.host}:${health.port}`;
  const dirs = { workDir, runtimeDir, clientDir };
  return { mark, plane, log, tools, healthUrl, configFile, ...dirs, network, agent, startAgent };
}
