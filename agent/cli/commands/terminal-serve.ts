import { userInfo } from "node:os";
import type { Command } from "commander";
import { processLog } from "../../adapters/telemetry/process-log.ts";
import { holdTerminal } from "../../adapters/terminal/hold-terminal.ts";
import { pidNamespaceCage } from "../../adapters/terminal/pid-namespace-cage.ts";
import { TERMINAL } from "../../adapters/terminal/protocol.ts";
import { unitCage } from "../../adapters/terminal/unit-cage.ts";
import type { RunAs } from "../../core/debug/grant.ts";
import { acceptedConnection } from "../../wire/listener.ts";
import { requirePeer } from "../../wire/peer.ts";
import type { Cli } from "../cli.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { ORDERING_USER, TERMINAL_SECTIONS } from "../sections.ts";

/** Its standard output is the connection, or nothing. */
const STDERR = 2;

export function define(command: Command): void {
  command.option(
    "--peer <instance>",
    "who is connected, as systemd names the connection: <number>-<pid>-<uid>; without it the launcher is, and the shell gets a PID namespace",
  );
  addConfigOptions(command, TERMINAL_SECTIONS);
}

/** Standard input is the connection; the log goes to standard error. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, TERMINAL_SECTIONS);
  const { peer } = command.opts<{ readonly peer?: string }>();
  const log = processLog({ process: "terminal", level: config.log.level, fd: STDERR });
  if (peer !== undefined) await requirePeer(TERMINAL, peer, ORDERING_USER);
  const { uid, username } = userInfo();
  const rootAllowed = config.debugTerminal.root && uid === 0;
  // A unit's shell is its own user's; the launcher's is whoever's the grant says.
  const may = (runAs: RunAs): boolean => (runAs === "root" ? rootAllowed : peer === undefined || uid !== 0);
  const cage = peer === undefined ? pidNamespaceCage() : unitCage(username);
  await holdTerminal(acceptedConnection(), { instance: peer ?? "", cage, may, log, signal: cli.stop });
  return EXIT.ok;
}
