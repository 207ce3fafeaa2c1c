import { writeFile } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { dirname, join } from "node:path";
import { stringify } from "smol-toml";
import type { EmbeddedControlPlane } from "../control-plane/embedded-control-plane.ts";
import type { ProjectRef } from "../control-plane/project-ref.ts";
import { agentIdentity } from "../metadata/agent-identity.ts";
import { projectedToken } from "../metadata/projected-token.ts";
import type { StandIns } from "../metadata/stand-ins.ts";
import type { StandInEvidence } from "./evidence.ts";
import type { Address } from "./free-port.ts";
import type { Toolchain } from "./toolchain.ts";

/** How long open builds may go on after SIGTERM: somebody waits at the terminal. */
export const DRAIN_GRACE_MS = 2_000;
const BUILDKIT_STOP_GRACE_MS = 3_000;

/**
 * Writes what the agent is given in an image: its configuration, the CA that it pins and, where no
 * platform stands in, a join token. Gives the configuration's path.
 */
export async function writeAgentConfig(options: {
  readonly dir: string;
  readonly runtimeDir: string;
  readonly plane: EmbeddedControlPlane;
  readonly ref: ProjectRef;
  readonly health: Address;
  /** Of the socket that it is passed: control tells it. */
  readonly gateway: Address;
  readonly tools: Toolchain;
  readonly evidence?: StandInEvidence | undefined;
  readonly otlp?: string | undefined;
  /** For open builds, once the agent is told to stop. */
  readonly graceMs?: number | undefined;
}): Promise<string> {
  const { dir, runtimeDir, plane, ref, health, gateway, tools, evidence, otlp, graceMs = DRAIN_GRACE_MS } = options;
  const caFile = join(dir, "control-plane-ca.pem");
  await writeFile(caFile, plane.caPem);
  const identity =
    evidence === undefined
      ? await joinToken(join(runtimeDir, "join-token"), plane, ref)
      : agentIdentity(evidence.kind, evidence.standIns, projectedTokenIn(runtimeDir));
  const configFile = join(dir, "agent.toml");
  const config = {
    controlPlane: { endpoint: plane.endpoint, caFile, serverName: plane.serverName },
    identity,
    gateway: { listen: `${isIPv6(gateway.host) ? `[${gateway.host}]` : gateway.host}:${gateway.port}` },
    health: { listen: `${health.host}:${health.port}` },
    paths: { stateDir: join(dir, "state"), runtimeDir: agentRuntimeDirIn(runtimeDir), cacheDir: join(dir, "cache") },
    buildkit: {
      binary: tools.buildkitd,
      bbolt: tools.bbolt,
      runc: tools.runc,
      cniBinaryDir: dirname(tools.cniPtp),
    },
    network: { mode: "bridge" },
    ...(tools.tailscaled !== undefined && { tailnet: { binary: tools.tailscaled } }),
    ...(otlp !== undefined && { telemetry: { otlpEndpoint: otlp } }),
    debugTerminal: { root: true },
    drain: { graceMs, stopGraceMs: BUILDKIT_STOP_GRACE_MS },
  };
  await writeFile(configFile, stringify(config));
  return configFile;
}

export function agentRuntimeDirIn(runtimeDir: string): string {
  return join(runtimeDir, "agent");
}

/** As a kubelet does for its pods. */
export async function writeProjectedToken(
  runtimeDir: string,
  audience: string,
  standIns: StandIns | undefined,
): Promise<void> {
  if (standIns === undefined) return;
  const { cluster, clock } = standIns;
  const token = projectedToken(cluster, audience, Date.now() + clock.offsetMs);
  await writeFile(projectedTokenIn(runtimeDir), token, { mode: 0o600 });
}

function projectedTokenIn(runtimeDir: string): string {
  return join(runtimeDir, "projected-token");
}

async function joinToken(tokenFile: string, plane: EmbeddedControlPlane, ref: ProjectRef) {
  await writeFile(tokenFile, plane.issueJoinToken(ref), { mode: 0o600 });
  return { kind: "join-token", tokenFile };
}
