import { join } from "node:path";
import { Phase } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { EmbeddedControlPlane } from "../control-plane/embedded-control-plane.ts";
import type { ProjectRef } from "../control-plane/project-ref.ts";
import { EXIT, SandboxFailure } from "../failure.ts";
import { writeAgentConfig } from "./agent-config.ts";
import { lastTroubles } from "./agent-log.ts";
import { type AgentExit, AgentProcess } from "./agent-process.ts";
import { type Address, PortHold } from "./free-port.ts";
import { MountFreeDir } from "./mounts.ts";
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

const READY_DEADLINE_MS = 60_000;

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
  const machine = await ready(plane, agent, logFile, signal);
  return await use({
    plane,
    ref,
    dir,
    machineId: machine.id,
    endpoint: `tcp://${gateway.host}:${gateway.port}`,
    serverName: machine.serverName,
    healthUrl: `http://${health.host}:${health.port}`,
    agentConfigFile: configFile,
    agentLogFile: logFile,
    agentEnded: agent.ended,
  });
}

async function takePorts(listen: Address): Promise<{ readonly gateway: Address; readonly health: Address }> {
  using ports = new PortHold();
  return { gateway: await ports.take(listen), health: await ports.take({ host: "127.0.0.1", port: 0 }) };
}

async function ready(plane: EmbeddedControlPlane, agent: AgentProcess, logFile: string, signal: AbortSignal) {
  const over = new AbortController();
  const ended = agent.ended.then(async ({ code, signal: by }) => {
    throw new SandboxFailure(EXIT.unavailable, `The agent ended (${by ?? `exit code ${code}`}) before it was ready.`);
  });
  const machine = plane.until(() => plane.machines().find(({ observed }) => observed?.phase === Phase.READY), {
    what: "the agent to be ready",
    deadlineMs: READY_DEADLINE_MS,
    signal: AbortSignal.any([signal, over.signal]),
  });
  try {
    return await Promise.race([machine, ended]);
  } catch (failure) {
    signal.throwIfAborted();
    const troubles = await lastTroubles(logFile, 10);
    const message = `${failure instanceof Error ? failure.message : String(failure)} Its log (${logFile}) says:\n${troubles}`;
    throw new SandboxFailure(EXIT.unavailable, message, failure);
  } finally {
    over.abort();
    ended.catch(() => undefined);
    machine.catch(() => undefined);
  }
}
