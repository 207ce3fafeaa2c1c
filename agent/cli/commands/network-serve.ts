import type { Command } from "commander";
import { requirePeer } from "../../adapters/network/peer.ts";
import { serveRequest } from "../../adapters/network/serve-request.ts";
import { jsonLog } from "../../adapters/telemetry/json-log.ts";
import type { Cli } from "../cli.ts";
import { networkHost } from "../compose-network.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode, exitCodeOf } from "../exit-code.ts";
import { ORDERING_USER } from "../ordering-user.ts";
import { NETWORK_SECTIONS } from "../sections.ts";

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
  const log = jsonLog({ process: "network", level: config.log.level, fd: STDERR });
  const connection = {
    input: process.stdin,
    output: process.stdout,
    admit: () => requirePeer(peer, ORDERING_USER),
  };
  const served = await serveRequest(networkHost(config, log), connection, log, cli.stop);
  return served.done ? EXIT.ok : exitCodeOf(served.failure);
}
