import { accessSync, constants } from "node:fs";
import { userInfo } from "node:os";
import { isAbsolute, join } from "node:path";
import { identityTokens } from "../adapters/evidence/identity-token.ts";
import { TailscaleApi } from "../adapters/tailscale/api/tailscale-api.ts";
import { Tailscaled } from "../adapters/tailscale/daemon/tailscaled.ts";
import { TailscaleNode } from "../adapters/tailscale/tailscale-node.ts";
import type { TailnetPorts } from "../control/tailnet/join.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { ServiceUnits } from "../ports/service-units.ts";
import type { Config } from "./config/config.ts";
import { layoutOf } from "./layout.ts";

/** What control needs to be a node; undefined where tailscaled is not installed. */
export function tailnetOf(
  { paths, tailnet, identity, services: { manager } }: Pick<Config, "identity" | "paths" | "services" | "tailnet">,
  services: ServiceUnits,
  environment: NodeJS.ProcessEnv,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): TailnetPorts["tailnet"] {
  if (!isInstalled(tailnet.binary, environment["PATH"])) return undefined;
  const layout = layoutOf(paths);
  const tokenFile = tailnet.identityTokenFile ?? (identity.kind === "oidc-token" ? identity.tokenFile : undefined);
  return {
    node: new TailscaleNode({
      socketPath: layout.tailnetSocket,
      memoryFile: layout.tailnetMemory,
      services,
      coordinationUrl: tailnet.coordinationUrl,
      // As a unit it is root's, and its first operator was set when it started.
      ...(manager === "systemd" && { operatorUser: userInfo().username }),
      clock,
      log,
    }),
    api: new TailscaleApi({ baseUrl: tailnet.apiUrl, identityToken: identityTokens(tokenFile), clock }),
  };
}

/**
 * tailscaled as the launcher's child; undefined where it is not installed. `closeTailnet`: the
 * guard, before anybody hears that it has ended.
 */
export function tailscaledOf(
  { paths, tailnet }: Pick<Config, "paths" | "tailnet">,
  environment: NodeJS.ProcessEnv,
  closeTailnet: () => Promise<void>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Tailscaled | undefined {
  if (!isInstalled(tailnet.binary, environment["PATH"])) return undefined;
  const layout = layoutOf(paths);
  return new Tailscaled({
    binary: tailnet.binary,
    socketPath: layout.tailnetSocket,
    stateDir: layout.tailnetStateDir,
    tun: tailnet.tun,
    port: tailnet.port,
    onEnd: closeTailnet,
    clock,
    log,
  });
}

/** Whether a configured program is there to be run: a path, or a name in `path`, which is $PATH. */
function isInstalled(program: string, path: string | undefined): boolean {
  const places = isAbsolute(program) ? [program] : (path ?? "").split(":").map((directory) => join(directory, program));
  return places.some(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
