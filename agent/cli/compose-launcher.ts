import { mkdir } from "node:fs/promises";
import { BuildkitDaemon } from "../adapters/buildkit/daemon.ts";
import { systemClock } from "../adapters/clock/system-clock.ts";
import { runLauncher } from "../adapters/launcher/run-launcher.ts";
import { serveNetwork } from "../adapters/network/serve-network.ts";
import { watchedGuard } from "../adapters/network/watch-guard.ts";
import { processLog } from "../adapters/telemetry/process-log.ts";
import { replaceFile } from "../files/whole-file.ts";
import { Branch } from "../lifecycle/branch.ts";
import { Pulse } from "../lifecycle/pulse.ts";
import { Scope } from "../lifecycle/scope.ts";
import { buildkitPlaces } from "./buildkit-configuration.ts";
import { environmentFor } from "./child-environment.ts";
import type { Cli } from "./cli.ts";
import { cacheKeeper } from "./compose-buildkit.ts";
import { ensureNetwork, networkHost } from "./compose-network.ts";
import { tailscaledOf } from "./compose-tailnet.ts";
import type { Config, LoadedConfig } from "./config/config.ts";
import { EXIT } from "./exit-code.ts";
import { gatewayEnvironment, OPENSSL_WITHOUT_TICKETS } from "./gateway-environment.ts";
import { inheritedSocket } from "./inherited-socket.ts";
import { logDefects } from "./last-words.ts";
import { layoutOf } from "./layout.ts";
import { nodeFlags } from "./node-flags.ts";
import { retakeConfiguration } from "./retake-configuration.ts";
import { GATEWAY_SECTIONS, TERMINAL_SECTIONS } from "./sections.ts";

/**
 * What control takes at most beyond its two graces: the cut, and the last words to the control
 * plane.
 */
const ENDING_MARGIN_MS = 20_000;
/** WatchdogSec= of both units. */
const HUNG_AFTER_MS = 30_000;

/** The arguments of the children: our program's file, its command, and options. */
export interface ChildArguments {
  readonly gateway: readonly string[];
  readonly control: readonly string[];
  readonly terminal: readonly string[];
}

/**
 * The service manager of a machine without systemd: parents gateway, control, buildkitd and
 * tailscaled. Reads the whole configuration, so that what is wrong is told once, here, before
 * anything starts; `load` reads it again.
 */
export async function startLauncher(
  config: Config,
  load: () => Promise<LoadedConfig>,
  children: ChildArguments,
  cli: Cli,
): Promise<number> {
  const { gateway, paths, drain, buildkit } = config;
  const log = processLog({ process: "launcher", ...config.log });
  logDefects(log);
  const again = new Pulse();
  using over = new Branch(cli.stop);
  void retakeConfiguration({ hangup: cli.hangup, load, config, log, afterEach: () => again.note() }, over.signal);
  const layout = layoutOf(paths);
  for (const directory of [paths.runtimeDir, paths.stateDir, paths.cacheDir])
    await mkdir(directory, { recursive: true, mode: 0o700 });
  await replaceFile(layout.gatewayOpenssl, OPENSSL_WITHOUT_TICKETS, { mode: 0o600 });
  const places = await buildkitPlaces(config);
  const network = config.network.mode === "bridge" ? networkHost(config, log) : undefined;
  // A tailnet that an earlier launcher left open ended with that one's tailscaled.
  await network?.closeTailnet(cli.stop);
  await using daemon = new BuildkitDaemon({
    binary: buildkit.binary,
    configFile: layout.buildkitConfigFile,
    places,
    cache: cacheKeeper(layout, places, buildkit.bbolt, log),
    network: {
      ensure: async (signal) => network?.ensure(signal),
      prepare: (signal) => ensureNetwork(config, log, signal),
      resolvConf: layout.networkResolvConf,
      program: layout.networkOfBuildkit,
    },
    log,
  });
  const clock = systemClock();
  const closed = async (): Promise<void> => void (await network?.closeTailnet(new AbortController().signal));
  await using tailscaled = tailscaledOf(config, cli.environment, closed, { clock, log });
  await using scope = new Scope();
  if (network !== undefined) scope.own(watchedGuard(network, { clock, log }));
  return await runLauncher(
    {
      managerSocket: layout.managerSocket,
      ...(network !== undefined && {
        network: {
          socketPath: layout.networkSocket,
          serve: (socket, signal) => serveNetwork(network, socket, log, { signal }),
        },
      }),
      ...(process.getuid?.() === 0 && {
        terminal: {
          socketPath: layout.terminalSocket,
          args: [...nodeFlags("terminal"), ...children.terminal],
          env: environmentFor(TERMINAL_SECTIONS, cli.environment),
        },
      }),
      gateway: {
        args: [...nodeFlags("gateway"), ...children.gateway],
        env: { ...environmentFor(GATEWAY_SECTIONS, cli.environment), ...gatewayEnvironment(layout.gatewayOpenssl) },
        listen: inheritedSocket(cli.environment, process.pid) ?? gateway.listen,
        endFile: layout.gatewayEnd,
        sockets: layout.gatewaySockets,
      },
      control: {
        args: [...nodeFlags("control"), ...children.control],
        env: { ...cli.environment },
        endFile: layout.controlEnd,
      },
      hungAfterMs: HUNG_AFTER_MS,
      env: { ...cli.environment },
      finalExitCodes: [EXIT.refused, EXIT.config, EXIT.usage],
      controlGraceMs: drain.graceMs + drain.stopGraceMs + ENDING_MARGIN_MS,
      buildkitGraceMs: drain.stopGraceMs,
    },
    { buildkit: daemon, ...(tailscaled !== undefined && { tailscaled }), clock, log },
    { stop: cli.stop, hurry: cli.hurry, again, replace: cli.replace },
  );
}
