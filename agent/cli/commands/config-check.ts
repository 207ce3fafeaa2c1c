import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { SECTIONS } from "../config/keys.ts";
import { ConfigInvalid, describeProblem, describeSource, type Problem } from "../config/problem.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { pinnedCa } from "../pinned-ca.ts";
import { planeProxy } from "../plane-proxy.ts";
import { painter, printJson } from "../printing.ts";
import { surroundings } from "../surroundings.ts";

export function define(command: Command): void {
  command.option("--json", "machine-readable, with a schemaVersion");
  addConfigOptions(command, SECTIONS);
}

/**
 * Checks what `control` and `gateway` would check at their start, and the files and programs that
 * the configuration names. 78: wrong, or something is missing without which the agent cannot work.
 */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const json = command.opts()["json"] === true;
  try {
    const loaded = await configOf(command, cli, SECTIONS);
    await pinnedCa(loaded, cli.stop);
    planeProxy(loaded.config.controlPlane, cli.environment);
    const around = await surroundings(loaded, cli.environment);
    const missing = around.filter(({ state }) => state === "fails");
    const warnings = [...loaded.doubts, ...around.filter(({ state }) => state !== "fails")];
    if (missing.length > 0 && json) {
      printJson(cli.output, { ok: false, problems: missing.map(shown), warnings: warnings.map(shown) });
      return EXIT.config;
    }
    if (missing.length > 0) throw new ConfigInvalid([...missing, ...warnings]);
    const from = loaded.file === undefined ? "no file" : loaded.file;
    if (json) printJson(cli.output, { ok: true, problems: [], warnings: warnings.map(shown) });
    else cli.output.out(`The configuration is right (${from}, environment and flags).\n${warningsText(warnings, cli)}`);
    return EXIT.ok;
  } catch (failure) {
    if (!json || !(failure instanceof ConfigInvalid)) throw failure;
    printJson(cli.output, { ok: false, problems: failure.problems.map(shown) });
    return EXIT.config;
  }
}

function shown(problem: Problem) {
  return { ...problem, source: describeSource(problem.source) };
}

function warningsText(warnings: readonly Problem[], { output }: Cli): string {
  if (warnings.length === 0) return "";
  const title = painter(output.colours.out)("yellow", "But look at");
  return `${title}:\n${warnings.map((warning) => `${describeProblem(warning)}\n`).join("")}`;
}
