import type { Command } from "commander";
import { NETWORK } from "../../adapters/network/protocol.ts";
import { isNoRequest, serveNetwork } from "../../adapters/network/serve-network.ts";
import { processLog } from "../../adapters/telemetry/process-log.ts";
import { acceptedConnection } from "../../wire/listener.ts";
import { requirePeer } from "../../wire/peer.ts";
import type { Cli } from "../cli.ts";
import { networkHost } from "../compose-network.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode, exitCodeOf } from "../exit-code.ts";
import { NETWORK_SECTIONS, ORDERING_USER } from "../sections.ts";

/** Its standard output is the connection. */
const STDERR = 2;

export function define(command: Command): void {
  command.requiredOption(
    "--peer <instance>",
    "who is connected, as systemd names the connection: <number>-<pid>-<uid>",
  );
  addConfigOptions(command, NETWORK_SECTIONS);
}

/** Standard input and output are the connection; the log goes to standard error. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, NETWORK_SECTIONS);
  const { peer } = command.opts<{ readonly peer: string }>();
  const log = processLog({ process: "network", ...config.log, fd: STDERR });
  const admit = (): Promise<void> => requirePeer(NETWORK, peer, ORDERING_USER);
  const host = networkHost(config, log);
  const served = await serveNetwork(host, acceptedConnection(), log, { admit, signal: cli.stop });
  return served.done || isNoRequest(served.failure) ? EXIT.ok : exitCodeOf(served.failure);
}
