import type { Command } from "commander";
import { type Cli, withParent } from "../cli.ts";
import { startControl } from "../compose-control.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { pinnedCa } from "../pinned-ca.ts";
import { CONTROL_SECTIONS } from "../sections.ts";

export function define(command: Command): void {
  addConfigOptions(command, CONTROL_SECTIONS);
}

export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const load = () => configOf(command, cli, CONTROL_SECTIONS);
  const loaded = await load();
  const { ended } = await startControl(loaded, load, await pinnedCa(loaded, cli.stop), withParent(cli));
  return ended === "refused" ? EXIT.refused : EXIT.ok;
}
