import { join } from "node:path";
import { EmbeddedControlPlane } from "../control-plane/embedded-control-plane.ts";
import type { ProjectRef } from "../control-plane/project-ref.ts";
import { writeAgentConfig } from "./agent-config.ts";
import { type AgentExit, AgentProcess } from "./agent-process.ts";
import { type Address, PortHold } from "./free-port.ts";
import { MountFreeDir } from "./mounts.ts";
import { untilReady } from "./ready.ts";
import type { Toolchain } from "./toolchain.ts";

export interface StackOptions {
  /** Absolute; exists. */
  readonly dir: string;
  /** Short, for sockets; in memory, for keys. */
  readonly runtimeDir: string;
  /** Where build clients come in. */
  readonly listen: Address;
  readonly ref: ProjectRef;
  readonly tools: Toolchain;
  readonly signal: AbortSignal;
}

/** A control plane, an agent and a buildkitd that are ready for builds. */
export interface Stack {
  readonly plane: EmbeddedControlPlane;
  readonly ref: ProjectRef;
  readonly dir: string;
  readonly machineId: string;
  /** "tcp://127.0.0.1:1234", as buildctl and buildx take it. */
  readonly endpoint: string;
  readonly serverName: string;
  /** Base of /livez, /readyz and /metrics. */
  readonly healthUrl: string;
  readonly agentConfigFile: string;
  readonly agentLogFile: string;
  /** When the agent ends, asked or not. */
  readonly agentEnded: Promise<AgentExit>;
}

/**
 * Starts everything, lets `use` work with it, and ends everything in reverse: whatever happens, no process, mount or connection is left.
 * @throws {SandboxFailure} when the port is taken, or the agent does not become ready.
 */
export async function withStack<T>(options: StackOptions, use: (stack: Stack) => Promise<T>): Promise<T> {
  const { dir, ref, signal } = options;
  const { gateway, health } = await takePorts(options.listen);
  await using plane = await EmbeddedControlPlane.listen();
  await using mounts = new MountFreeDir(dir);
  const configFile = await writeAgentConfig({ ...options, dir: mounts.path, plane, gateway, health });
  const logFile = join(dir, "agent.log");
  await using agent = await AgentProcess.start({ configFile, logFile, runtimeDir: options.runtimeDir });
  const healthUrl = `http://${health.host}:${health.port}`;
  const machine = await untilReady({ plane, agent, healthUrl, logFile, signal });
  return await use({
    plane,
    ref,
    dir,
    machineId: machine.id,
    endpoint: `tcp://${gateway.host}:${gateway.port}`,
    serverName: machine.serverName,
    healthUrl,
    agentConfigFile: configFile,
    agentLogFile: logFile,
    agentEnded: agent.ended,
  });
}

async function takePorts(listen: Address): Promise<{ readonly gateway: Address; readonly health: Address }> {
  using ports = new PortHold();
  return { gateway: await ports.take(listen), health: await ports.take({ host: "127.0.0.1", port: 0 }) };
}
