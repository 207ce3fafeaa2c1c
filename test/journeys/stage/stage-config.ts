import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stringify } from "smol-toml";
import type { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import type { Address } from "../../../sandbox/stack/free-port.ts";
import type { Toolchain } from "../../../sandbox/stack/toolchain.ts";

/** How the machine proves itself. */
export interface StageIdentity {
  readonly kind: "join-token" | "oidc-token";
  readonly token: string;
}

export interface StageConfig {
  readonly workDir: string;
  /** In memory. */
  readonly runtimeDir: string;
  readonly plane: EmbeddedControlPlane;
  readonly health: Address;
  readonly networkMode: "none" | "bridge";
  readonly tools: Toolchain;
  readonly identity: StageIdentity;
  readonly drainGraceMs: number;
  readonly logLevel: "info" | "debug";
  /** Beside what every stage has. */
  readonly more: MoreConfig;
  readonly telemetry: Readonly<Record<string, string>>;
}

/** Keys and their values, by section. */
export type MoreConfig = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;

/** Where the machine finds the token that it registers with. */
export function tokenFileIn(runtimeDir: string): string {
  return join(runtimeDir, "token");
}

/** Where control keeps who this machine is. */
export function identityFileIn(runtimeDir: string): string {
  return join(agentRuntimeIn(runtimeDir), "control", "identity", "identity.json");
}

/**
 * Writes what an image holds for the agent: its configuration, the CA that it pins, its token.
 * Gives the configuration's path.
 */
export async function writeStageConfig(stage: StageConfig): Promise<string> {
  const { workDir, runtimeDir, plane, health, tools, identity } = stage;
  const caFile = join(workDir, "control-plane-ca.pem");
  const tokenFile = tokenFileIn(runtimeDir);
  const configFile = join(workDir, "agent.toml");
  await writeFile(caFile, plane.caPem);
  await writeFile(tokenFile, identity.token, { mode: 0o600 });
  const config = {
    controlPlane: { endpoint: plane.endpoint, caFile, serverName: plane.serverName },
    identity: { kind: identity.kind, tokenFile },
    // Any free port; the launcher keeps it, and says which.
    gateway: { listen: "127.0.0.1:0" },
    health: { listen: `${health.host}:${health.port}` },
    paths: {
      stateDir: join(workDir, "state"),
      runtimeDir: agentRuntimeIn(runtimeDir),
      cacheDir: join(workDir, "cache"),
    },
    buildkit: {
      binary: tools.buildkitd,
      bbolt: tools.bbolt,
      runc: tools.runc,
      cniBinaryDir: dirname(tools.cniPtp),
    },
    // A bridge is made only in a network of ours.
    network: { mode: stage.networkMode },
    ...(tools.tailscaled !== undefined && { tailnet: { binary: tools.tailscaled } }),
    drain: { graceMs: stage.drainGraceMs, stopGraceMs: 5_000 },
    telemetry: stage.telemetry,
    log: { level: stage.logLevel },
  };
  const more = Object.entries(stage.more).map(([name, keys]) => {
    const own: object = Object.entries(config).find(([section]) => section === name)?.[1] ?? {};
    return [name, { ...own, ...keys }];
  });
  await writeFile(configFile, stringify({ ...config, ...Object.fromEntries(more) }));
  return configFile;
}

/** BuildKit's own socket: past the gateway. */
export function buildkitSocketIn(runtimeDir: string): string {
  return join(agentRuntimeIn(runtimeDir), "buildkit", "buildkitd.sock");
}

export function agentRuntimeIn(runtimeDir: string): string {
  return join(runtimeDir, "agent");
}
