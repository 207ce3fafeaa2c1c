import type { Command } from "commander";
import { AgentError } from "../../core/errors.ts";
import type { Cli } from "../cli.ts";
import { buildkitUnit } from "../compose-buildkit.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { describeFailure } from "../describe-failure.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { BUILDKIT_SECTIONS } from "../sections.ts";

export function define(command: Command): void {
  addConfigOptions(command, BUILDKIT_SECTIONS);
}

/**
 * A configuration that control should not have proposed is told by the exit code of a wrong
 * configuration: control asks the unit for it.
 */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, BUILDKIT_SECTIONS);
  const unit = await buildkitUnit(config);
  try {
    await unit.prepare(cli.stop);
    return EXIT.ok;
  } catch (failure) {
    if (!(failure instanceof AgentError) || failure.code !== "buildkit.config-refused") throw failure;
    cli.output.err(`builder-agent: ${describeFailure(failure, false)}\n`);
    return EXIT.config;
  }
}
