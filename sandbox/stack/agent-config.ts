import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stringify } from "smol-toml";
import type { EmbeddedControlPlane } from "../control-plane/embedded-control-plane.ts";
import type { ProjectRef } from "../control-plane/project-ref.ts";
import type { Address } from "./free-port.ts";
import type { Toolchain } from "./toolchain.ts";

/** How long open builds may go on after SIGTERM: somebody waits at the terminal. */
const DRAIN_GRACE_MS = 2_000;
const BUILDKIT_STOP_GRACE_MS = 3_000;

/**
 * Writes what the agent is given in an image: its configuration, the CA that it pins and a join
 * token. Gives the configuration's path.
 */
export async function writeAgentConfig(options: {
  readonly dir: string;
  readonly runtimeDir: string;
  readonly plane: EmbeddedControlPlane;
  readonly ref: ProjectRef;
  readonly health: Address;
  readonly tools: Toolchain;
}): Promise<string> {
  const { dir, runtimeDir, plane, ref, health, tools } = options;
  const caFile = join(dir, "control-plane-ca.pem");
  const tokenFile = join(runtimeDir, "join-token");
  await writeFile(caFile, plane.caPem);
  await writeFile(tokenFile, plane.issueJoinToken(ref), { mode: 0o600 });
  const configFile = join(dir, "agent.toml");
  const config = {
    controlPlane: { endpoint: plane.endpoint, caFile, serverName: plane.serverName },
    identity: { kind: "join-token", tokenFile },
    health: { listen: `${health.host}:${health.port}` },
    paths: { stateDir: join(dir, "state"), runtimeDir: join(runtimeDir, "agent"), cacheDir: join(dir, "cache") },
    buildkit: {
      binary: tools.buildkitd,
      bbolt: tools.bbolt,
      runc: tools.runc,
      cniBinaryDir: dirname(tools.cniPtp),
    },
    network: { mode: "bridge" },
    ...(tools.tailscaled !== undefined && { tailnet: { binary: tools.tailscaled } }),
    drain: { graceMs: DRAIN_GRACE_MS, stopGraceMs: BUILDKIT_STOP_GRACE_MS },
  };
  await writeFile(configFile, stringify(config));
  return configFile;
}
