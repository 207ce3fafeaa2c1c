import type { Command } from "commander";
import { serveMetricsPassage } from "../../adapters/buildkit/metrics-passage.ts";
import { processLog } from "../../adapters/telemetry/process-log.ts";
import { AgentError } from "../../core/errors.ts";
import type { Cli } from "../cli.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { inheritedSocket } from "../inherited-socket.ts";
import { layoutOf } from "../layout.ts";
import { BUILDKIT_SECTIONS } from "../sections.ts";

/** Longer than who scrapes waits between two scrapes: a process for each would cost more. */
const IDLE_MS = 10 * 60_000;

export function define(command: Command): void {
  addConfigOptions(command, BUILDKIT_SECTIONS);
}

/** For control, which is not root: systemd holds the socket, and starts this when it asks. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, BUILDKIT_SECTIONS);
  const log = processLog({ process: "buildkit", ...config.log });
  const socket = inheritedSocket(cli.environment, process.pid);
  if (socket === undefined)
    throw new AgentError("buildkit.no-socket", "No socket was passed on: systemd starts this command with one", {
      retryable: false,
    });
  // One that does not run is told by control.
  const onFailure = (err: unknown): void => {
    if (!isAbsent(err)) log.warn({ err }, "buildkit.metrics-not-passed");
  };
  const debugSocket = layoutOf(config.paths).buildkitDebugSocket;
  await serveMetricsPassage(socket, { debugSocket, idleMs: IDLE_MS, onFailure }, cli.stop);
  return EXIT.ok;
}

function isAbsent(failure: unknown): boolean {
  return (
    failure instanceof Error && "code" in failure && (failure.code === "ENOENT" || failure.code === "ECONNREFUSED")
  );
}
