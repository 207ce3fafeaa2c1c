import type { Command } from "commander";
import type { RunEnd } from "../../core/buildkit-health.ts";
import { describeExit } from "../../core/unit-exit.ts";
import type { Cli } from "../cli.ts";
import { buildkitUnit } from "../compose-buildkit.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { BUILDKIT_SECTIONS } from "../sections.ts";

export function define(command: Command): void {
  addConfigOptions(command, BUILDKIT_SECTIONS);
}

/** For ExecStopPost=, which systemd gives $SERVICE_RESULT, $EXIT_CODE and $EXIT_STATUS. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, BUILDKIT_SECTIONS);
  const { cache } = await buildkitUnit(config);
  await cache.ended(endOf(cli.environment));
  return EXIT.ok;
}

/**
 * EXIT_STATUS is a number, or a signal's name without its SIG; a unit that succeeded was stopped,
 * and ended by itself (systemd.exec(5)).
 */
export function endOf(environment: Cli["environment"]): RunEnd {
  if (environment["SERVICE_RESULT"] === "success") return "clean";
  const status = environment["EXIT_STATUS"] ?? "";
  const how = /^\d+$/.test(status) ? { code: Number(status) } : { signal: `SIG${status}` };
  return describeExit({ ...how, lastLines: [] }).kind === "crashed" ? "crashed" : "other";
}
