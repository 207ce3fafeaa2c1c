import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { SECTIONS } from "../config/keys.ts";
import { ConfigInvalid, describeSource } from "../config/problem.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { pinnedCa } from "../pinned-ca.ts";
import { planeProxy } from "../plane-proxy.ts";
import { printJson } from "../printing.ts";

export function define(command: Command): void {
  command.option("--json", "machine-readable, with a schemaVersion");
  addConfigOptions(command, SECTIONS);
}

/**
 * Checks what `control` and `gateway` would check at their start, files that must be there
 * included.
 */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const json = command.opts()["json"] === true;
  try {
    const loaded = await configOf(command, cli, SECTIONS);
    await pinnedCa(loaded, cli.stop);
    planeProxy(loaded.config.controlPlane, cli.environment);
    const from = loaded.file === undefined ? "no file" : loaded.file;
    if (json) printJson(cli.output, { ok: true, problems: [] });
    else cli.output.out(`The configuration is right (${from}, environment and flags).\n`);
    return EXIT.ok;
  } catch (failure) {
    if (!json || !(failure instanceof ConfigInvalid)) throw failure;
    const problems = failure.problems.map((problem) => ({ ...problem, source: describeSource(problem.source) }));
    printJson(cli.output, { ok: false, problems });
    return EXIT.config;
  }
}
