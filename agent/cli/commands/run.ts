import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { startLauncher } from "../compose-launcher.ts";
import { SECTIONS, type SectionName } from "../config/keys.ts";
import { addConfigOptions, configOf, forwardedOptions } from "../config-options.ts";
import { pinnedCa } from "../pinned-ca.ts";
import { planeProxy } from "../plane-proxy.ts";
import { CONTROL_SECTIONS, GATEWAY_SECTIONS, TERMINAL_SECTIONS } from "../sections.ts";

export function define(command: Command): void {
  addConfigOptions(command, SECTIONS);
}

export async function run(command: Command, cli: Cli): Promise<number> {
  const load = () => configOf(command, cli, SECTIONS);
  const loaded = await load();
  await pinnedCa(loaded, cli.stop);
  planeProxy(loaded.config.controlPlane, cli.environment);
  const program = fileURLToPath(new URL("../main.js", import.meta.url));
  const child = (name: readonly string[], sections: readonly SectionName[]): readonly string[] => [
    program,
    ...name,
    ...forwardedOptions(command, sections),
  ];
  return startLauncher(
    loaded.config,
    load,
    {
      gateway: child(["gateway"], GATEWAY_SECTIONS),
      control: child(["control"], CONTROL_SECTIONS),
      terminal: child(["terminal", "serve"], TERMINAL_SECTIONS),
    },
    cli,
  );
}
