import type { Command } from "commander";
import { processLog } from "../../adapters/telemetry/process-log.ts";
import { VOLUME } from "../../adapters/volume/protocol.ts";
import { serveOrder } from "../../adapters/volume/serve-order.ts";
import { acceptedConnection } from "../../wire/listener.ts";
import { requirePeer } from "../../wire/peer.ts";
import type { Cli } from "../cli.ts";
import { volumeHostOf } from "../compose-volume.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode, exitCodeOf } from "../exit-code.ts";
import { ORDERING_USER, VOLUME_SECTIONS } from "../sections.ts";

/** Its standard output is the connection. */
const STDERR = 2;

export function define(command: Command): void {
  command.requiredOption(
    "--peer <instance>",
    "who is connected, as systemd names the connection: <number>-<pid>-<uid>",
  );
  addConfigOptions(command, VOLUME_SECTIONS);
}

/** Standard input and output are the connection; the log goes to standard error. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, VOLUME_SECTIONS);
  const { peer: instance } = command.opts<{ readonly peer: string }>();
  const log = processLog({ process: "volume", ...config.log, fd: STDERR });
  const admit = (): Promise<void> => requirePeer(VOLUME, instance, ORDERING_USER);
  const host = await volumeHostOf(config);
  const served = await serveOrder(host, acceptedConnection(), log, { admit, signal: cli.stop });
  return served.done ? EXIT.ok : exitCodeOf(served.failure);
}
