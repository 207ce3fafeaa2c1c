import { join } from "node:path";
import { GrantSigner } from "../control-plane/debug/grants.ts";
import { EmbeddedControlPlane } from "../control-plane/embedded-control-plane.ts";
import type { ProjectRef } from "../control-plane/project-ref.ts";
import type { StandIns } from "../metadata/stand-ins.ts";
import { ListeningSocket } from "../net/listening-socket.ts";
import type { NetworkNamespace } from "../net/namespace.ts";
import { agentRuntimeDirIn, DRAIN_GRACE_MS, writeAgentConfig, writeProjectedToken } from "./agent-config.ts";
import { type AgentExit, AgentProcess } from "./agent-process.ts";
import type { StandInEvidence } from "./evidence.ts";
import type { Address } from "./free-port.ts";
import { untilReady } from "./ready.ts";
import type { Toolchain } from "./toolchain.ts";
import { type Uplink, VmNetwork } from "./vm-network.ts";

const LOOPBACK = "127.0.0.1";

export interface StackOptions {
  /** Absolute; exists. */
  readonly dir: string;
  /** Short, for sockets; in memory, for keys. */
  readonly runtimeDir: string;
  /** Where build clients come in. */
  readonly listen: Address;
  readonly ref: ProjectRef;
  readonly tools: Toolchain;
  /** What the machine's network is joined to, if anything. */
  readonly uplink?: Uplink | undefined;
  /** How its machine proves which one it is; absent: by a join token. */
  readonly evidence?: StandInEvidence | undefined;
  /** Where its agent sends spans, if it says so itself. */
  readonly otlp?: string | undefined;
  readonly graceMs?: number | undefined;
  readonly signal: AbortSignal;
  /** Cuts the agent's ending short, once it was told to end. */
  readonly hurry?: AbortSignal | undefined;
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
  /** Its paths.runtimeDir. */
  readonly agentRuntimeDir: string;
  readonly agentLogFile: string;
  /** The network of the agent and of all that it starts. */
  readonly vm: NetworkNamespace;
  /** The platforms of its machine, if there are any. */
  readonly standIns: StandIns | undefined;
  /** As the cluster does for its pods: writes a fresh token, where there is one. */
  readonly refreshToken: () => Promise<void>;
  /** When the agent ends, asked or not. */
  readonly agentEnded: Promise<AgentExit>;
}

/**
 * Starts everything, lets `use` work with it, and ends everything in reverse: whatever happens, no
 * process, mount or connection is left.
 * @throws {SandboxFailure} when the port is taken, or the agent does not become ready.
 */
export async function withStack<T>(options: StackOptions, use: (stack: Stack) => Promise<T>): Promise<T> {
  const { dir, runtimeDir, ref, uplink, signal } = options;
  using socket = await ListeningSocket.open(options.listen);
  const { evidence } = options;
  const standIns = evidence?.standIns;
  await using plane = await EmbeddedControlPlane.listen(
    evidence && { attestation: evidence.attestation, onAudit: evidence.onAudit },
  );
  const offered = [plane.transport.port, ...(standIns?.ports ?? []), ...portHere(options.otlp)];
  await using network = await VmNetwork.make({ runtimeDir, offered, uplink });
  const health = { host: LOOPBACK, port: network.healthPort };
  const refreshToken = (): Promise<void> => writeProjectedToken(runtimeDir, plane.audience, standIns);
  await refreshToken();
  const configFile = await writeAgentConfig({ ...options, plane, health, gateway: socket.address });
  // What its owner grants is signed, and what is recorded lies in the directory.
  plane.debug.signWith(ref, new GrantSigner());
  plane.debug.recordings.keepIn(join(dir, "recordings"));
  const logFile = join(dir, "agent.log");
  const within = { namespace: network.namespace, socket };
  const ending = { graceMs: options.graceMs ?? DRAIN_GRACE_MS, hurry: options.hurry };
  await using agent = await AgentProcess.start({ configFile, logFile, runtimeDir, within, ending });
  // Only the agent's launcher has it now.
  socket[Symbol.dispose]();
  const healthUrl = `http://${health.host}:${health.port}`;
  const machine = await untilReady({ plane, agent, healthUrl, logFile, signal });
  return await use({
    plane,
    ref,
    dir,
    machineId: machine.id,
    endpoint: `tcp://${socket.address.host}:${socket.address.port}`,
    serverName: machine.serverName,
    healthUrl,
    agentConfigFile: configFile,
    agentRuntimeDir: agentRuntimeDirIn(runtimeDir),
    agentLogFile: logFile,
    standIns,
    refreshToken,
    agentEnded: agent.ended,
    vm: network.namespace,
  });
}

/** The port of this machine that a URL leads to, if it does. */
function portHere(url: string | undefined): readonly number[] {
  if (url === undefined) return [];
  const { protocol, hostname, port } = new URL(url);
  const isHere = hostname === "localhost" || hostname === LOOPBACK;
  return isHere ? [Number(port || (protocol === "https:" ? 443 : 80))] : [];
}
