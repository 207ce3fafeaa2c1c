import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import type { Config } from "../config/config.ts";
import { formatHostPort } from "../config/host-port.ts";
import { KEYS, SECTIONS } from "../config/keys.ts";
import { describeSource } from "../config/problem.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { columns, printJson } from "../printing.ts";

export function define(command: Command): void {
  command.option("--json", "machine-readable, with a schemaVersion");
  addConfigOptions(command, SECTIONS);
}

/** Shows the values in force. None is a secret: those are only ever named by their file. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config, sources } = await configOf(command, cli, SECTIONS);
  const shown = KEYS.map((key) => ({
    key: key.path,
    value: shownValue(config[key.section], key.name),
    source: describeSource(sources.get(key.path) ?? { from: "default" }),
  }));
  if (command.opts()["json"] === true) printJson(cli.output, { values: shown });
  else
    cli.output.out(columns(shown.map(({ key, value, source }) => [key, value === null ? "—" : String(value), source])));
  return EXIT.ok;
}

/** As it would be written in the file; null if there is none. */
function shownValue(section: Config[keyof Config], name: string): string | number | boolean | null {
  const value: unknown = Object.entries(section).find(([key]) => key === name)?.[1];
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "object" && value !== null && "host" in value && "port" in value)
    return formatHostPort({ host: String(value.host), port: Number(value.port) });
  return null;
}
