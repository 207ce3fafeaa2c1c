import { mkdir } from "node:fs/promises";
import { BuildkitDaemon } from "../adapters/buildkit/daemon.ts";
import { systemClock } from "../adapters/clock/system-clock.ts";
import { runLauncher } from "../adapters/launcher/run-launcher.ts";
import { serveRequest } from "../adapters/network/serve-request.ts";
import { jsonLog } from "../adapters/telemetry/json-log.ts";
import { buildkitPlaces } from "./buildkit-places.ts";
import { cacheKeeper } from "./cache-keeper.ts";
import type { Cli } from "./cli.ts";
import { networkHost } from "./compose-network.ts";
import { tailscaledOf } from "./compose-tailnet.ts";
import type { Config } from "./config/config.ts";
import { EXIT } from "./exit-code.ts";
import { inheritedSocket } from "./inherited-socket.ts";
import { logDefects } from "./last-words.ts";
import { layoutOf } from "./layout.ts";
import { NODE_FLAGS } from "./node-flags.ts";

/** What control takes at most beyond its two graces: the cut, and the last words to the control plane. */
const ENDING_MARGIN_MS = 20_000;

/** The launcher's sockets are for its own user alone. */
const OWN_USER = (): Promise<void> => Promise.resolve();

/** The arguments of the children: our program's file, its command, and options. */
export interface ChildArguments {
  readonly gateway: readonly string[];
  readonly control: readonly string[];
}

/**
 * The service manager of a machine without systemd: parents gateway, control, buildkitd and tailscaled. Reads the whole configuration, so that what is
 * wrong is told once, here, before anything starts.
 */
export async function startLauncher(config: Config, children: ChildArguments, cli: Cli): Promise<number> {
  const { gateway, paths, drain, buildkit } = config;
  const log = jsonLog({ process: "launcher", level: config.log.level });
  logDefects(log);
  const layout = layoutOf(paths);
  for (const directory of [paths.runtimeDir, paths.stateDir, paths.cacheDir])
    await mkdir(directory, { recursive: true, mode: 0o700 });
  const places = await buildkitPlaces(config);
  const network = config.network.mode === "bridge" ? networkHost(config, log) : undefined;
  // A tailnet that an earlier launcher left open ended with that one's tailscaled.
  await network?.closeTailnet(cli.stop);
  await using daemon = new BuildkitDaemon({
    binary: buildkit.binary,
    configFile: layout.buildkitConfigFile,
    places,
    cache: cacheKeeper(layout, places, buildkit.bbolt, log),
    ...(network !== undefined && {
      network: {
        ensure: (signal) => network.ensure(signal),
        prepare: (signal) => network.prepare(signal),
        resolvConf: layout.networkResolvConf,
      },
    }),
    log,
  });
  const clock = systemClock();
  const closed = async (): Promise<void> => void (await network?.closeTailnet(new AbortController().signal));
  await using tailscaled = tailscaledOf(config, cli.environment, closed, { clock, log });
  return await runLauncher(
    {
      managerSocket: layout.managerSocket,
      ...(network !== undefined && {
        network: {
          socketPath: layout.networkSocket,
          serve: (socket, signal) =>
            serveRequest(network, { input: socket, output: socket, admit: OWN_USER }, log, signal),
        },
      }),
      gateway: {
        args: [...NODE_FLAGS.gateway, ...children.gateway],
        listen: inheritedSocket(cli.environment, process.pid) ?? gateway.listen,
      },
      control: { args: [...NODE_FLAGS.control, ...children.control] },
      env: { ...cli.environment },
      finalExitCodes: [EXIT.refused, EXIT.config, EXIT.usage],
      controlGraceMs: drain.graceMs + drain.stopGraceMs + ENDING_MARGIN_MS,
      buildkitGraceMs: drain.stopGraceMs,
    },
    { buildkit: daemon, ...(tailscaled !== undefined && { tailscaled }), clock, log },
    { stop: cli.stop, hurry: cli.hurry },
  );
}
